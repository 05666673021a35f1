import type { Tag } from '@rekey/core';
import { type Decision, notAllowedBy } from '../auth/policy/decision.ts';
import type { PermitQuestion } from './permit-question.ts';

/** Condition keys, in lower case, that have several values, though a policy asks for one. */
export type AmbiguousKeys = ReadonlyMap<string, readonly string[]>;

const REQUESTED = 'aws:requesttag/';
const OF_RESOURCE = ['aws:resourcetag/', 'secretsmanager:resourcetag/'];
/** Six keys of two values each. Beyond that nothing is allowed; nobody tags so by accident. */
const MOST_WAYS = 64;

const ofTags = new WeakMap<readonly Tag[], AmbiguousKeys | null>();

/**
 * Tags whose keys differ in case only (`Team` and `team`): two tags of a secret, but one condition key. Whoever may
 * tag could otherwise hide a tag from a policy behind another that comes first.
 *
 * @returns null where there are none, which is nearly always
 */
export function ambiguousKeys({ secret, keys }: PermitQuestion): AmbiguousKeys | null {
  const own = secret?.tags ? ambiguousTags(secret.tags) : null;
  const requested = ambiguousRequest(keys);
  if (own === null || requested === null) return own ?? requested;
  return new Map([...own, ...requested]);
}

function ambiguousTags(tags: readonly Tag[]): AmbiguousKeys | null {
  const known = ofTags.get(tags);
  if (known !== undefined) return known;
  const pairs = tags.flatMap(({ key, value }) => OF_RESOURCE.map((prefix) => [prefix + key, value] as const));
  const found = severalValues(pairs);
  ofTags.set(tags, found);
  return found;
}

function ambiguousRequest(keys: PermitQuestion['keys']): AmbiguousKeys | null {
  let requested = 0;
  for (const name in keys) if (isRequested(name)) requested += 1;
  if (requested < 2) return null;
  return severalValues(
    Object.entries(keys).flatMap(([name, value]) => (isRequested(name) ? [[name, String(value)]] : [])),
  );
}

function isRequested(name: string): boolean {
  return name.slice(0, REQUESTED.length).toLowerCase() === REQUESTED;
}

function severalValues(pairs: readonly (readonly string[])[]): AmbiguousKeys | null {
  const values = new Map<string, string[]>();
  for (const [name = '', value = ''] of pairs) {
    const key = name.toLowerCase();
    const before = values.get(key);
    if (before === undefined) values.set(key, [value]);
    else if (!before.includes(value)) before.push(value);
  }
  const several = [...values].filter(([, each]) => each.length > 1);
  return several.length === 0 ? null : new Map(several);
}

/** One of the values for each ambiguous key that has been asked for. */
export class Reading {
  readonly #keys: AmbiguousKeys;
  readonly #taken: { readonly key: string; readonly values: readonly string[]; at: number }[] = [];

  constructor(keys: AmbiguousKeys) {
    this.#keys = keys;
  }

  /** Undefined for a key that is not ambiguous. */
  get(key: string): string | undefined {
    const values = this.#keys.get(key);
    if (values === undefined) return undefined;
    let taken = this.#taken.find((each) => each.key === key);
    if (taken === undefined) {
      taken = { key, values, at: 0 };
      this.#taken.push(taken);
    }
    return taken.values[taken.at];
  }

  /** The next reading; false after the last. */
  next(): boolean {
    for (let last = this.#taken.at(-1); last !== undefined; last = this.#taken.at(-1)) {
      last.at += 1;
      if (last.at < last.values.length) return true;
      this.#taken.pop();
    }
    return false;
  }
}

/** Allowed if it is allowed whichever of the tags a policy is taken to mean: the first refusal decides. */
export function decideEveryReading(keys: AmbiguousKeys, decide: (reading: Reading) => Decision): Decision {
  const reading = new Reading(keys);
  for (let ways = 0; ways < MOST_WAYS; ways++) {
    const decision = decide(reading);
    if (!decision.allowed || !reading.next()) return decision;
  }
  return notAllowedBy('identity');
}
