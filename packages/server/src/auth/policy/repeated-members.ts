/** As many are told; more make no difference, and each path is as long as the document is deep. */
const MOST = 20;

/**
 * Paths of object members that occur twice. JSON.parse silently keeps the last of them, so that a reader who stops at
 * the first `Effect` and the machine would understand two different policies; AWS refuses such documents too.
 *
 * @param json text that JSON.parse has already accepted
 */
export function repeatedMembers(json: string): string[] {
  const repeated: string[] = [];
  const open: Container[] = [];
  for (const [, mark, text, colon] of json.matchAll(TOKEN)) {
    const inside = open.at(-1);
    if (mark === '{' || mark === '[') open.push({ names: mark === '{' ? new Set() : null, step: '', index: 0 });
    else if (mark === '}' || mark === ']') open.pop();
    else if (mark === ',') advance(inside);
    else if (colon !== undefined && inside !== undefined) enter(inside, JSON.parse(text!) as string, open, repeated);
  }
  return repeated;
}

interface Container {
  /** Names of members seen so far; null for a list. */
  readonly names: Set<string> | null;
  step: string;
  index: number;
}

/** A bracket or comma, or a string with the colon that makes it a member's name. Other values cannot hold any of them. */
const TOKEN = /([{}[\],])|("[^"\\]*(?:\\.[^"\\]*)*")(\s*:)?/g;

function advance(container: Container | undefined): void {
  if (container?.names === null) container.index++;
}

function enter(container: Container, name: string, open: readonly Container[], repeated: string[]): void {
  container.step = name;
  if (repeated.length < MOST && container.names?.has(name)) repeated.push(pathOf(open));
  container.names?.add(name);
}

function pathOf(open: readonly Container[]): string {
  return open
    .map(({ names, step, index }) => (names === null ? `[${index}]` : `.${step}`))
    .join('')
    .replace(/^\./, '');
}
