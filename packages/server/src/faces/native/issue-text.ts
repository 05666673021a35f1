/** What zod finds wrong, as far as it is told. */
interface Issue {
  readonly path: readonly PropertyKey[];
  readonly message: string;
  /** Of a key: what is wrong with it. */
  readonly issues?: readonly { readonly message: string }[];
}

/** `users.app.tags: …` as the end of a sentence; without a path where it is about the whole. Never repeats a content. */
export function issueText(issue: object | undefined): string {
  const { path, message, issues } = (issue ?? { path: [], message: 'it is not understood' }) as Issue;
  const said = (issues?.[0]?.message ?? message).replace(/\.+$/, '');
  return `${path.length === 0 ? '' : `${path.join('.')}: `}${said}.`;
}
