import type { SecretValue } from '@rekey/core';

/**
 * What of a value can turn up somewhere on its own: the value as a whole, and inside JSON and addresses the parts that
 * are secret by themselves. A leaked database password is a string in a log, not the JSON of the secret.
 */
export interface ValuePart {
  /** `value` for the whole, else where it stands: `password`, `api.keys.0`, `url (password)`. */
  readonly part: string;
  readonly text: string;
}

export const WHOLE = 'value';
/** Parts of one value beside the whole: each costs a record of some 200 bytes when it is written. */
export const MOST_PARTS = 8;
/** Shorter ones would be found in secrets they have nothing to do with. Characters. */
export const SHORTEST_PART = 6;
/** From this length on a string counts as secret by its looks alone. Characters. */
export const SHORTEST_NAMELESS = 16;
/** Bits a character (Shannon): words and names stay below it from about sixteen characters on, random text does not. */
const LEAST_ENTROPY = 3.2;
const DEEPEST = 5;
/** JSON nested deeper is taken as it is written: what sorts its members goes down by calling itself. */
const DEEPEST_SORTED = 500;

const SECRET_NAME =
  /pass(?:word|wd|phrase|code)?$|pwd|secret|token|credential|(?:api|access|private|signing|encryption|account|shared|auth)[-_. ]?key|^(?:key|auth|pin|psk|hmac)$/i;
/** What describes a credential and is no secret, however long and random it looks. */
const PLAIN_NAME =
  /^(?:engine|host|hostname|server|address|port|user|username|login|dbname|database|schema|ssl|sslmode|region|email|arn|masterarn|id|client_?id|access_?key_?id|aws_access_key_id|tenant_?id|account_?id|name|description|created_?at|expires_?at|dbinstanceidentifier|dbclusteridentifier)$/i;
/** The first colon ends the name (RFC 3986, section 3.2.1); a password may hold more of them. */
const URL_WITH_PASSWORD = /^[a-z][a-z0-9+.-]*:\/\/[^/?#\s@:]*:([^/?#\s]+)@/i;
const PLAIN_TEXT = /^(?:arn:|\d{4}-\d\d-\d\dT|[a-z0-9-]+(?:\.[a-z0-9-]+)+$)|\s/;
const PEM = /^-----BEGIN [A-Z ]*PRIVATE KEY-----/;

/** The parts of a value by which it is found again; the whole first. The same text is named once. */
export function partsOf(value: SecretValue): readonly ValuePart[] {
  const text = textOf(value);
  const parsed = parseContainer(text);
  const whole = parsed === null ? text.trim() || text : canonical(parsed);
  const inside = parsed === null ? passwordInUrl(WHOLE, text) : [...insideOf(parsed, '', 0)];
  const named = inside.filter(({ certain }) => certain);
  const guessed = inside.filter(({ certain }) => !certain);
  const parts = [{ part: WHOLE, text: whole }, ...named, ...guessed];
  const distinct = parts.filter(({ text: found }, at) => parts.findIndex((other) => other.text === found) === at);
  return distinct.slice(0, 1 + MOST_PARTS).map(({ part, text: found }) => ({ part, text: found }));
}

/**
 * Every text that a leaked value may stand for: itself, without blanks around it, without the quotes of a JSON string,
 * out of an address or a manifest (percent-encoded, base64), and what is inside if somebody found the whole of a secret.
 */
export function leakedTexts(leaked: string): readonly string[] {
  const plain = leaked.trim();
  const texts = [leaked, unquoted(plain), decoded(plain), ...outOfBase64(plain)].flatMap((text) =>
    partsOf({ kind: 'text', text }).map((part) => part.text),
  );
  return [...new Set([leaked, ...texts])].filter((text) => text !== '');
}

/** Also in lines, as `base64` prints it, and in the alphabet of addresses (RFC 4648, section 5). */
function outOfBase64(text: string): readonly string[] {
  const joined = text.replaceAll(/\s/g, '');
  if (joined.length < 8 || !/^[A-Za-z0-9+/_-]+={0,2}$/.test(joined)) return [];
  return [textOfBytes(Buffer.from(joined, 'base64'))];
}

interface FoundPart extends ValuePart {
  /** Secret by its name or place, not only by its looks. */
  readonly certain: boolean;
}

function* insideOf(node: unknown, path: string, depth: number): Iterable<FoundPart> {
  if (typeof node === 'string') yield* partOf(path, node);
  if (typeof node !== 'object' || node === null || depth >= DEEPEST) return;
  for (const [name, member] of Object.entries(node))
    yield* insideOf(member, path === '' ? name : `${path}.${name}`, depth + 1);
}

function* partOf(path: string, given: string): Iterable<FoundPart> {
  const text = given.trim();
  const name = path.split('.').findLast((step) => !/^\d+$/.test(step)) ?? '';
  const inUrl = passwordInUrl(path, text);
  yield* inUrl;
  if (inUrl.length > 0 || PLAIN_NAME.test(name)) return;
  if (SECRET_NAME.test(name) && text.length >= SHORTEST_PART) yield { part: path, text, certain: true };
  else if (looksSecret(text)) yield { part: path, text, certain: false };
}

function passwordInUrl(path: string, text: string): readonly FoundPart[] {
  const password = URL_WITH_PASSWORD.exec(text.trim())?.[1];
  if (password === undefined) return [];
  const plain = decoded(password);
  return plain.length < SHORTEST_PART ? [] : [{ part: `${path} (password)`, text: plain, certain: true }];
}

function looksSecret(text: string): boolean {
  if (PEM.test(text)) return true;
  return text.length >= SHORTEST_NAMELESS && !PLAIN_TEXT.test(text) && entropyOf(text) >= LEAST_ENTROPY;
}

/** Bits a character, by how often each occurs. */
function entropyOf(text: string): number {
  const counts = new Map<string, number>();
  for (const character of text) counts.set(character, (counts.get(character) ?? 0) + 1);
  return [...counts.values()].reduce((sum, count) => sum - (count / text.length) * Math.log2(count / text.length), 0);
}

function textOf(value: SecretValue): string {
  return value.kind === 'text' ? value.text : textOfBytes(value.bytes);
}

/** Bytes that are text are found as that; others as AWS's tools print them, in base64. */
function textOfBytes(bytes: Uint8Array): string {
  try {
    return new TextDecoder('utf-8', { fatal: true }).decode(bytes);
  } catch {
    return Buffer.from(bytes).toString('base64');
  }
}

function parseContainer(text: string): object | null {
  if (!/^\s*[{[]/.test(text)) return null;
  try {
    const parsed = JSON.parse(text) as object;
    return isDeeperThan(DEEPEST_SORTED, parsed) ? null : parsed;
  } catch {
    return null;
  }
}

/** Level by level, not by recursion: how deep it is, is what is asked. */
function isDeeperThan(most: number, node: object): boolean {
  let level: object[] = [node];
  for (let depth = 1; level.length > 0; depth += 1) {
    if (depth > most) return true;
    level = level.flatMap((one) => Object.values(one).filter(isContainer));
  }
  return false;
}

function isContainer(member: unknown): member is object {
  return typeof member === 'object' && member !== null;
}

/** Blanks and the order of members say nothing about whether it is the same value. */
function canonical(node: unknown): string {
  return JSON.stringify(node, (_, member: unknown) => {
    if (typeof member !== 'object' || member === null || Array.isArray(member)) return member;
    return Object.fromEntries(Object.entries(member).sort(([a], [b]) => (a < b ? -1 : 1)));
  });
}

function unquoted(text: string): string {
  if (!/^".*"$/s.test(text)) return text;
  try {
    return String(JSON.parse(text));
  } catch {
    return text.slice(1, -1);
  }
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
