import type { RotationRecord, SecretRecord } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { findSecretById } from '../secret-lookup.ts';
import { type Counterpart, gateOf, judge } from './gate.ts';
import type { Hold, HoldQuestion } from './hold.ts';

/** Rotations of a counterpart that are read: a row of green ones, and what came between. */
const READ = 50;
/** How soon a gate is looked at again that opens by nothing but a rotation of its counterpart. Milliseconds. */
const PATIENCE = 900_000;

/** Name of the condition under which a gate that needs a person stands as an alert. */
export function gateCondition(secretId: string): string {
  return `gate/${secretId}`;
}

/** Asks the gate of a secret when it is due: one small listing for each counterpart, and nothing in between. */
export class Gates {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  /** Why the gate is shut; null if it is open, or the secret has none. */
  async shut({ rotation }: SecretRecord, { now, rotation: asked }: HoldQuestion): Promise<Hold | null> {
    const gate = rotation === null ? null : gateOf(rotation.settings);
    if (rotation === null || gate === null) return null;
    const counterparts = await Promise.all(gate.requires.map((named) => this.#counterpart(named)));
    const { functionArn, settings } = rotation;
    const verdict = judge(gate, { functionArn, settings, strategy: asked.strategy ?? null }, counterparts, now);
    if (verdict.open) return null;
    const sentence = `Waits at its gate: ${verdict.why}.`;
    return { by: 'gate', until: verdict.until ?? now + PATIENCE, sentence, trouble: verdict.trouble };
  }

  async #counterpart(named: string): Promise<Counterpart> {
    const secret = (await findSecretById(this.#store, named))?.record ?? null;
    if (secret === null) return { named, found: 'missing', history: [] };
    if (secret.deletedAt !== null) return { named, found: 'deleted', history: [] };
    if (secret.rotation?.enabled !== true) return { named, found: 'not-rotated', history: [] };
    return { named, found: 'present', history: await this.#history(secret.id) };
  }

  async #history(secretId: string): Promise<readonly RotationRecord[]> {
    const range = { index: 'secret', from: `${secretId}/`, until: `${secretId}/~` };
    const listed = await this.#store.list('rotation', { ...range, descending: true, limit: READ });
    return listed.map(({ record }) => record);
  }
}

/**
 * The chain of counterparts that leads back to a secret, by name; null if none does. What does not exist leads nowhere.
 *
 * @param requires of the secret, as it shall be
 */
export async function gateCycle(
  store: Store,
  secretId: string,
  requires: readonly string[],
): Promise<readonly string[] | null> {
  const seen = new Set<string>();
  const walk = async (named: string, path: readonly string[]): Promise<readonly string[] | null> => {
    const secret = (await findSecretById(store, named))?.record ?? null;
    if (secret === null || seen.has(secret.id)) return null;
    const here = [...path, secret.name];
    if (secret.id === secretId) return here;
    seen.add(secret.id);
    for (const next of secret.rotation?.settings.requires ?? []) {
      const found = await walk(next, here);
      if (found !== null) return found;
    }
    return null;
  };
  for (const named of requires) {
    const found = await walk(named, []);
    if (found !== null) return found;
  }
  return null;
}
