import { isUtf8 } from 'node:buffer';
import { malformedQuery } from './refusal.ts';

/** A parameter and those below it: `Tags.member.1.Key` is `Key` below `1` below `member` below `Tags`. */
export interface FormNode {
  /** Undefined where only parameters below it were sent. */
  readonly value: string | undefined;
  readonly below: ReadonlyMap<string, FormNode>;
}

interface OpenNode extends FormNode {
  value: string | undefined;
  readonly below: Map<string, OpenNode>;
}

/** Far more than any operation takes; what is beyond is nobody's request. */
const MOST_PARAMETERS = 4_000;
const MOST_LEVELS = 10;

/**
 * Reads `application/x-www-form-urlencoded` text into nested parameters.
 *
 * @throws QueryRefusal `MalformedQueryString` also for a parameter that is sent twice: which counts would be a guess
 */
export function parseForm(text: string): FormNode {
  const root = emptyNode();
  let count = 0;
  for (const part of text.split('&')) {
    if (part === '') continue;
    count += 1;
    if (count > MOST_PARAMETERS) throw malformedQuery(`The request has more than ${MOST_PARAMETERS} parameters.`);
    const at = part.indexOf('=');
    const name = decode(at < 0 ? part : part.slice(0, at));
    place(root, name, at < 0 ? '' : decode(part.slice(at + 1)));
  }
  return root;
}

/** Text of a body or query as it came: bytes, percent-encoded or not. */
export function formText(body: Uint8Array): string {
  if (!isUtf8(body)) throw malformedQuery('The request body is not UTF-8.');
  return Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8');
}

function place(root: OpenNode, name: string, value: string): void {
  const levels = name.split('.', MOST_LEVELS + 1);
  if (levels.length > MOST_LEVELS) throw malformedQuery('A parameter of the request is nested too deeply.');
  let node = root;
  for (const level of levels) {
    const next = node.below.get(level) ?? emptyNode();
    node.below.set(level, next);
    node = next;
  }
  if (node.value !== undefined) throw malformedQuery('A parameter of the request is sent more than once.');
  node.value = value;
}

function emptyNode(): OpenNode {
  return { value: undefined, below: new Map() };
}

function decode(text: string): string {
  const spaced = text.includes('+') ? text.replaceAll('+', ' ') : text;
  if (!spaced.includes('%')) return spaced;
  try {
    return decodeURIComponent(spaced);
  } catch {
    throw malformedQuery('A parameter of the request is not percent-encoded UTF-8.');
  }
}
