import { RekeyError, type SecretRecord } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { type Freeze, type FreezeText, type Frozen, frozenAt, parseFreeze } from './freeze.ts';

/** Freezes that people made while the server runs: one record for all servers of a store. */
const SETTING = 'freezes';

const MOST_STORED = 100;
/** Rotations ask several times each; a freeze that another server made is heeded after at most so long. Milliseconds. */
const PATIENCE = 1_000;

/** A freeze, and where it is told of: the configuration file, or the store (made by `rekey freeze set`). */
export interface ListedFreeze {
  readonly freeze: Freeze;
  readonly madeIn: 'configuration' | 'store';
}

/** All freezes there are. */
export class Freezes {
  readonly #store: Store;
  readonly #configured: readonly ListedFreeze[];
  #read: { readonly revision: number; readonly listed: readonly ListedFreeze[] } = { revision: 0, listed: [] };

  /** When what is {@link #read} was last compared with the store. */
  #readAt = Number.NEGATIVE_INFINITY;

  constructor(store: Store, configured: readonly Freeze[]) {
    this.#store = store;
    this.#configured = configured.map((freeze) => ({ freeze, madeIn: 'configuration' }));
  }

  /** Those of the configuration first. */
  async list(): Promise<readonly ListedFreeze[]> {
    return [...this.#configured, ...(await this.#stored()).listed];
  }

  /** Whether the secret is frozen; null if it is not. */
  async frozen({ name }: Pick<SecretRecord, 'name'>, now: number): Promise<Frozen | null> {
    const age = now - this.#readAt;
    if (age < 0 || age >= PATIENCE) {
      await this.#stored();
      this.#readAt = now;
    }
    const listed = [...this.#configured, ...this.#read.listed];
    return listed.length === 0
      ? null
      : frozenAt(
          listed.map(({ freeze }) => freeze),
          name,
          now,
        );
  }

  /** Adds a freeze, or puts it in the place of the one in the store that has its name. */
  put(text: FreezeText): Promise<void> {
    parseFreeze(text);
    return this.#change((texts) => {
      const others = texts.filter(({ name }) => name !== text.name);
      if (others.length >= MOST_STORED) throw tooMany();
      return [...others, text];
    });
  }

  /** @returns false if the store has none of that name */
  async remove(name: string): Promise<boolean> {
    const { listed } = await this.#stored();
    if (!listed.some(({ freeze }) => freeze.text.name === name)) return false;
    await this.#change((texts) => texts.filter((text) => text.name !== name));
    return true;
  }

  /** The same as long as the freezes are. */
  async fingerprint(): Promise<string> {
    return JSON.stringify((await this.list()).map(({ freeze }) => freeze.text));
  }

  async #change(change: (texts: readonly FreezeText[]) => readonly FreezeText[]): Promise<void> {
    const { revision, listed } = await this.#stored();
    const record = { freezes: change(listed.map(({ freeze }) => freeze.text)) };
    await this.#store.commit([{ collection: 'setting', id: SETTING, record, expect: revision }]);
    this.#readAt = Number.NEGATIVE_INFINITY;
  }

  async #stored() {
    const entry = await this.#store.get('setting', SETTING);
    const revision = entry?.revision ?? 0;
    if (revision !== this.#read.revision) {
      const texts = (entry?.record.freezes ?? []) as readonly FreezeText[];
      this.#read = { revision, listed: texts.map((text) => ({ freeze: parseFreeze(text), madeIn: 'store' })) };
    }
    return this.#read;
  }
}

function tooMany(): RekeyError {
  return new RekeyError('limit-exceeded', `There are ${MOST_STORED} freezes already: lift one that is over.`, {
    reason: 'too-many-freezes',
  });
}
