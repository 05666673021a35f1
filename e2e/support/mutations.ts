/** Numbers that look random and are the same for the same seed (mulberry32). */
export class Dice {
  #state: number;

  constructor(seed: number) {
    this.#state = seed >>> 0;
  }

  /** From 0 to below the limit. */
  below(limit: number): number {
    this.#state = (this.#state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(this.#state ^ (this.#state >>> 15), this.#state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) % limit;
  }

  pick<T>(from: readonly T[]): T {
    return from[this.below(from.length)] as T;
  }
}

/** Damages a request as it travels: bytes changed, lost, doubled, put in, cut off. */
export function mutateBytes(bytes: Uint8Array, dice: Dice): Uint8Array {
  let mutated: Buffer = Buffer.from(bytes);
  for (let times = 1 + dice.below(3); times > 0; times--) mutated = dice.pick(BYTE_MUTATIONS)(mutated, dice);
  return mutated;
}

type ByteMutation = (bytes: Buffer, dice: Dice) => Buffer;

const BYTE_MUTATIONS: readonly ByteMutation[] = [
  (bytes, dice) => {
    const changed = Buffer.from(bytes);
    changed[dice.below(bytes.length)] = dice.below(256);
    return changed;
  },
  (bytes, dice) => without(bytes, dice.below(bytes.length), 1 + dice.below(8)),
  (bytes, dice) => {
    const [at, length] = [dice.below(bytes.length), 1 + dice.below(40)];
    return inserted(bytes, at, bytes.subarray(at, at + length));
  },
  (bytes, dice) => inserted(bytes, dice.below(bytes.length), Buffer.from(dice.pick(NASTY_TEXTS))),
  (bytes, dice) => bytes.subarray(0, 1 + dice.below(bytes.length)),
  (bytes, dice) => swapLines(bytes, dice),
];

const NASTY_TEXTS = [
  ...['\0', '\r\n', '\r\n\r\n', '\n', ' ', '%00', '%', '../', '//', '\\', '"', '{', '}', '[', ']', ':', ','],
  ...['\u{feff}', '\u{10ffff}', '\u{202e}', 'é', 'null', 'true', '-0', '1e400', '0x10', 'NaN', '__proto__'],
  ...['content-length: 5\r\n', 'content-length: -1\r\n', 'transfer-encoding: chunked\r\n', 'expect: 100-continue\r\n'],
  ...['authorization: x\r\n', 'x-amz-date: now\r\n', 'host: other\r\n', 'connection: upgrade\r\nupgrade: h2c\r\n'],
];

function without(bytes: Buffer, at: number, length: number): Buffer {
  return bytes.length <= length ? bytes : Buffer.concat([bytes.subarray(0, at), bytes.subarray(at + length)]);
}

function inserted(bytes: Buffer, at: number, what: Uint8Array): Buffer {
  return Buffer.concat([bytes.subarray(0, at), what, bytes.subarray(at)]);
}

function swapLines(bytes: Buffer, dice: Dice): Buffer {
  const lines = bytes.toString('latin1').split('\r\n');
  const [left, right] = [dice.below(lines.length), dice.below(lines.length)];
  [lines[left], lines[right]] = [lines[right] ?? '', lines[left] ?? ''];
  return Buffer.from(lines.join('\r\n'), 'latin1');
}

/** Damages what an input says: members lost, doubled, put in, of other types, too long, too deep. */
export function mutateInput(input: Readonly<Record<string, unknown>>, dice: Dice): string {
  if (dice.below(8) === 0) return dice.pick(NASTY_BODIES);
  const names = Object.keys(input);
  const mutated: Record<string, unknown> = { ...input };
  for (let times = 1 + dice.below(2); times > 0; times--) {
    const name = dice.pick([...names, 'Unknown', 'SecretId', 'ClientRequestToken', 'VersionStage', 'MaxResults']);
    if (dice.below(5) === 0) delete mutated[name];
    else mutated[name] = dice.pick(NASTY_VALUES);
  }
  return JSON.stringify(mutated);
}

const NASTY_VALUES: readonly unknown[] = [
  ...[null, true, false, 0, -1, 1.5, 1e308, Number.MAX_SAFE_INTEGER, '', ' ', 'x'.repeat(70_000), [], {}],
  ...[
    [null],
    [[[[]]]],
    { a: { b: {} } },
    '\0',
    '\u{d800}',
    '\u{10ffff}',
    '../../etc/passwd',
    "'; DROP TABLE secret;--",
  ],
  ...[
    'arn:aws:secretsmanager:us-east-1:000000000000:secret:',
    'AWSCURRENT',
    [{ Key: 1 }],
    [{ Key: 'a' }, { Key: 'a' }],
  ],
  ...[Array.from({ length: 500 }, (_, at) => ({ Key: `k${at}`, Value: 'v' })), { __proto__: null, length: -1 }],
];

const NASTY_BODIES = [
  ...[
    '',
    'null',
    '[]',
    '""',
    '0',
    '{',
    '}',
    '{"a"',
    '{"a":1,}',
    "{'a':1}",
    '{"a":1}{"a":1}',
    'undefined',
    '\u{feff}{}',
  ],
  ...['{"SecretId":"a","SecretId":"b"}', '{"__proto__":{"SecretId":"a"}}', '{"constructor":{"prototype":{}}}'],
  ...[
    `${'['.repeat(100_000)}`,
    `${'{"a":'.repeat(50_000)}1${'}'.repeat(50_000)}`,
    `{"a":"${'\\u0000'.repeat(1_000)}"}`,
  ],
  `{"SecretId":"${'a'.repeat(1_100_000)}"}`,
];
