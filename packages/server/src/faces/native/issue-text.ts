/** What zod finds wrong, as far as it is told. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of a key: what is wrong with it. */
  readonly issues?: readonly { readonly message: string }[];
}

const LONGEST = 300;

/** `users.app.tags: …` as the end of a sentence; without a path where it is about the whole. Never repeats a content. */
export function issueText(issue: object | undefined): string {
  const { path, message, issues } = (issue ?? { path: [], message: 'it is not understood' }) as Issue;
  const said = cut(issues?.[0]?.message ?? message);
  return `${path.length === 0 ? '' : `${cut(path.join('.'))}: `}${said}${said.endsWith('.') ? '' : '.'}`;
}

/** Names of members are whatever somebody sent, and go on record. */
function cut(text: string): string {
  return text.length <= LONGEST ? text : `${text.slice(0, LONGEST)}…`;
}
