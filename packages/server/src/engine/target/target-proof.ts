import type { ProbeResult, RotationFunction } from '@rekey/core';
import type { Store } from '../../store/store.ts';

/**
 * What is known of targets: that they check passwords at all. Proven once per target by a random password that must
 * be refused; until then nothing the target says of a password proves anything.
 */
export class TargetProofs {
  readonly #store: Store;
  /** Proof does not expire, so what was seen once need not be read again. */
  readonly #proven = new Set<string>();

  constructor(store: Store) {
    this.#store = store;
  }

  /** True also where there is nothing to prove it with, or no target. */
  async isProven(rotationFunction: RotationFunction, secretArn: string): Promise<boolean> {
    const target = await this.#targetOf(rotationFunction, secretArn);
    if (target === null) return true;
    const id = this.#store.opaque('target', target);
    if (this.#proven.has(id)) return true;
    const known = await this.#store.get('target', id);
    if (known?.record.checksPasswordsAt == null) return false;
    this.#proven.add(id);
    return true;
  }

  /** Tries a random password. The proof is only worth recording when the outcome is `refused`: see {@link remember}. */
  try(rotationFunction: RotationFunction, secretArn: string, signal: AbortSignal): Promise<ProbeResult> {
    const nothingToTry: ProbeResult = { outcome: 'refused', reason: 'There is nothing to try.' };
    return rotationFunction.probeDecoy?.(secretArn, { signal }) ?? Promise.resolve(nothingToTry);
  }

  async remember(rotationFunction: RotationFunction, secretArn: string, now: number): Promise<void> {
    const target = await this.#targetOf(rotationFunction, secretArn);
    if (target === null) return;
    const id = this.#store.opaque('target', target);
    await this.#store.commit([{ collection: 'target', id, record: { target, checksPasswordsAt: now } }]);
    this.#proven.add(id);
  }

  async #targetOf(rotationFunction: RotationFunction, secretArn: string): Promise<string | null> {
    if (rotationFunction.probeDecoy === undefined) return null;
    return (await rotationFunction.target?.(secretArn)) ?? null;
  }
}
