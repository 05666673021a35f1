/** `*` in a pattern: any run of characters, also none. */
export const ANY_RUN = -1;
/** `?` in a pattern: any one character. */
export const ANY_ONE = -2;

/** A pattern taken apart: literal text and wildcards. */
export type GlobPart = string | typeof ANY_RUN | typeof ANY_ONE;

export type TextTest = (text: string) => boolean;

/** Takes a pattern apart at its `*` and `?`. */
export function globParts(pattern: string): GlobPart[] {
  return pattern
    .split(/([*?])/)
    .filter((piece) => piece !== '')
    .map((piece) => (piece === '*' ? ANY_RUN : piece === '?' ? ANY_ONE : piece));
}

/**
 * Prepares a pattern for many comparisons. The three forms that make up nearly all policies (all, exact, prefix) cost a
 * native comparison; the rest walks text and pattern with one point of return, so that the time is bounded by their
 * product whatever the pattern (a regular expression would backtrack from star to star).
 */
export function compileGlob(parts: readonly GlobPart[]): TextTest {
  const joined = joinLiterals(parts);
  const [first, second] = joined;
  if (first === undefined) return (text) => text === '';
  if (joined.length === 1 && typeof first === 'string') return (text) => text === first;
  if (joined.length === 1 && first === ANY_RUN) return () => true;
  if (joined.length === 2 && typeof first === 'string' && second === ANY_RUN) return startingWith(first);
  const codes = codesOf(joined);
  if (typeof first !== 'string') return (text) => matchesCodes(codes, 0, text);
  const begins = startingWith(first);
  return (text) => begins(text) && matchesCodes(codes, first.length, text);
}

/**
 * ARNs differ at their end and are alike for fifty characters before: looking at the last one first spares nearly all
 * comparisons of the rest.
 */
function startingWith(head: string): TextTest {
  const lastAt = head.length - 1;
  const last = head.charCodeAt(lastAt);
  return (text) => text.charCodeAt(lastAt) === last && text.startsWith(head);
}

function joinLiterals(parts: readonly GlobPart[]): GlobPart[] {
  const joined: GlobPart[] = [];
  for (const part of parts) {
    const last = joined.at(-1);
    if (typeof part === 'string' && typeof last === 'string') joined[joined.length - 1] = last + part;
    else if (part !== '' && !(part === ANY_RUN && last === ANY_RUN)) joined.push(part);
  }
  return joined;
}

function codesOf(parts: readonly GlobPart[]): Int32Array {
  const codes: number[] = [];
  for (const part of parts) {
    if (typeof part !== 'string') codes.push(part);
    else for (let at = 0; at < part.length; at++) codes.push(part.charCodeAt(at));
  }
  return Int32Array.from(codes);
}

/** @param begin how many characters at the front are known to match */
function matchesCodes(pattern: Int32Array, begin: number, text: string): boolean {
  let at = begin;
  let textAt = begin;
  let lastRun = -1;
  let resumeAt = 0;
  while (textAt < text.length) {
    const code = pattern[at];
    if (code === ANY_RUN) {
      lastRun = at++;
      resumeAt = textAt;
    } else if (code === ANY_ONE || code === text.charCodeAt(textAt)) {
      at++;
      textAt++;
    } else if (lastRun !== -1) {
      at = lastRun + 1;
      textAt = ++resumeAt;
    } else {
      return false;
    }
  }
  while (pattern[at] === ANY_RUN) at++;
  return at === pattern.length;
}
