/**
 * Strings shorter than this are left alone: `user`, `5432` or `admin` stand in every second log line, and blacking
 * them out would make logs useless while it protects nothing that could resist guessing. UTF-16 units.
 */
export const SHORTEST_REDACTED = 6;

/** A pattern of longer ones may be refused as too large, by an error that shows the whole of it. UTF-16 units. */
const LONGEST_IN_PATTERN = 1_000;

/** Put in place of what was removed. */
export const REDACTED = '[redacted]';

/**
 * Makes a function that removes known secrets from text, in every form in which programs are wont to print them:
 * plain, JSON-escaped (also twice, and in ASCII), URL-encoded (RFC 3986 and form), base64 and base64url at any of the
 * three alignments inside a longer text, and hexadecimal in either case. Longer forms are removed first, so that a
 * secret that contains another leaves no remainder. Strings shorter than {@link SHORTEST_REDACTED} are ignored.
 */
export function redactor(secrets: Iterable<string>): (text: string) => string {
  const forms = new Set<string>();
  for (const secret of secrets) for (const { text } of formsOf(secret)) forms.add(text);
  if (forms.size === 0) return (text) => text;
  const longestFirst = [...forms].sort((a, b) => b.length - a.length);
  return (text) => {
    let left = text;
    const short: string[] = [];
    for (const form of longestFirst) {
      if (!left.includes(form)) continue;
      if (form.length > LONGEST_IN_PATTERN) left = left.replaceAll(form, REDACTED);
      else short.push(escapeForPattern(form));
    }
    return short.length === 0 ? left : left.replace(new RegExp(short.join('|'), 'g'), REDACTED);
  };
}

/** A secret found where it must not be; says which and how, never the secret. */
export interface Leak {
  /** Position of the secret in the list that was looked for. */
  readonly secret: number;
  readonly form: string;
  /** Where in the text it begins. */
  readonly at: number;
}

/** Looks for secrets in any of the forms {@link redactor} knows; for tests and for `doctor`. Empty if there is none. */
export function leaks(text: string, secrets: readonly string[]): readonly Leak[] {
  return secrets.flatMap((secret, index) =>
    formsOf(secret).flatMap(({ form, text: sought }) => {
      const at = text.indexOf(sought);
      return at === -1 ? [] : [{ secret: index, form, at }];
    }),
  );
}

/** Members of a database secret that are no secrets, and that logs must be able to name. AWS's rotation templates. */
const PUBLIC_MEMBERS = new Set([
  'engine',
  'host',
  'port',
  'username',
  'dbname',
  'ssl',
  'masterarn',
  'dbInstanceIdentifier',
  'alternateOf',
]);

/**
 * What to keep out of logs for one secret value: the whole text and, where it is a JSON object, every string in it
 * except what AWS's database secrets hold in the open (host, port, user name …).
 */
export function secretStrings(value: string): readonly string[] {
  return [value, ...stringsIn(parseObject(value))];
}

function parseObject(text: string): unknown {
  if (!text.trimStart().startsWith('{')) return null;
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

/** Level by level, not by recursion: JSON may be nested deeper than a stack is. */
function stringsIn(root: unknown): readonly string[] {
  const found: string[] = [];
  for (let level = [root]; level.length > 0; level = level.flatMap(secretMembers))
    for (const node of level) if (typeof node === 'string') found.push(node);
  return found;
}

function secretMembers(node: unknown): readonly unknown[] {
  if (typeof node !== 'object' || node === null) return [];
  return Object.entries(node).flatMap(([member, inner]) => (PUBLIC_MEMBERS.has(member) ? [] : [inner]));
}

interface Form {
  readonly form: string;
  readonly text: string;
}

function formsOf(secret: string): readonly Form[] {
  if (secret.length < SHORTEST_REDACTED) return [];
  const bytes = Buffer.from(secret, 'utf8');
  const hex = bytes.toString('hex');
  const json = jsonEscaped(secret);
  const percent = percentEncoded(bytes);
  const all: Form[] = [
    { form: 'plain', text: secret },
    { form: 'json', text: json },
    { form: 'json', text: jsonEscaped(json) },
    { form: 'json', text: asciiOnly(json) },
    { form: 'json', text: json.replaceAll('/', '\\/') },
    { form: 'url', text: percent },
    { form: 'url', text: percent.replace(/%[0-9A-F]{2}/g, (escaped) => escaped.toLowerCase()) },
    { form: 'url', text: encodeUriComponent(secret) },
    { form: 'url', text: new URLSearchParams([['', secret]]).toString().slice(1) },
    { form: 'hex', text: hex },
    { form: 'hex', text: hex.toUpperCase() },
    ...[0, 1, 2].flatMap((offset) => base64Forms(bytes, offset)),
  ];
  return all.filter(({ text }, index) => all.findIndex((other) => other.text === text) === index);
}

/**
 * The base64 characters that depend on nothing but the secret when it begins `offset` bytes (modulo 3) into what was
 * encoded: a character holds six bits, so up to three at the front and one at the end mix with the neighbours.
 */
function base64Forms(bytes: Buffer, offset: number): readonly Form[] {
  const padded = Buffer.concat([Buffer.alloc(offset), bytes]);
  const from = Math.ceil((offset * 8) / 6);
  const until = Math.floor((padded.length * 8) / 6);
  return [
    { form: 'base64', text: padded.toString('base64').slice(from, until) },
    { form: 'base64url', text: padded.toString('base64url').slice(from, until) },
  ];
}

function jsonEscaped(text: string): string {
  return JSON.stringify(text).slice(1, -1);
}

function asciiOnly(text: string): string {
  return text.replace(/[\u007f-\uffff]/g, (char) => `\\u${char.charCodeAt(0).toString(16).padStart(4, '0')}`);
}

/** RFC 3986: everything but the unreserved characters. */
function percentEncoded(bytes: Buffer): string {
  return Array.from(bytes, (byte) => {
    const char = String.fromCharCode(byte);
    return /[A-Za-z0-9._~-]/.test(char) ? char : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`;
  }).join('');
}

/** As browsers and Node write it; a lone surrogate, which they refuse, is replaced first. */
function encodeUriComponent(text: string): string {
  return encodeURIComponent(text.toWellFormed());
}

function escapeForPattern(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\/-]/g, '\\$&');
}
