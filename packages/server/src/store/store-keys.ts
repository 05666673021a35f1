import { RekeyError } from '@rekey/core';
import { Keyring, type KeyringRecord, type WrappedKeyring, wrapId } from '../seal/keyring.ts';
import type { Seal } from '../seal/seal.ts';
import type { StoreDriver } from './driver.ts';

/** Collection and id of the one record that is not in an envelope; see {@link ./store.ts}. */
export const KEYRING = 'keyring';

export interface StoreKeysOptions {
  readonly driver: StoreDriver;
  readonly seal: Seal;
  /** Where the store is, for messages. */
  readonly place: string;
}

interface Standing {
  readonly record: KeyringRecord;
  readonly revision: number;
  readonly keyring: Keyring;
  readonly wrap: WrappedKeyring;
}

/**
 * The keyring of a store as it stands there, and as it changes while servers run. The {@link Keyring} in hand stays the
 * same object and takes over what is new, so that everybody who holds it follows.
 */
export class StoreKeys {
  readonly keyring: Keyring;
  readonly #options: StoreKeysOptions;
  #record: KeyringRecord;
  #revision: number;
  #wrap: WrappedKeyring;
  #reloading: Promise<boolean> | null = null;

  private constructor(options: StoreKeysOptions, { keyring, record, revision, wrap }: Standing) {
    this.#options = options;
    this.keyring = keyring;
    this.#record = record;
    this.#revision = revision;
    this.#wrap = wrap;
  }

  /** Null where the store has no keyring yet. @throws RekeyError `integrity`; what the seal throws */
  static async open(options: StoreKeysOptions): Promise<StoreKeys | null> {
    const standing = await read(options, 0);
    return standing === null ? null : new StoreKeys(options, standing);
  }

  /** The keyring as it is kept: what the escrow journal takes along. */
  get record(): KeyringRecord {
    return this.#record;
  }

  /** Revision at which the keyring in hand stands; commits are refused once another stands in the store. */
  get revision(): number {
    return this.#revision;
  }

  /** Names the wrap by which this process opened the keyring. */
  get openedBy(): string {
    return wrapId(this.#wrap);
  }

  /** For a person: where the KEK of this process is. */
  get sealedBy(): string {
    return this.#options.seal.describe();
  }

  /**
   * Takes over the keyring that stands in the store.
   *
   * @returns whether another one stood there
   */
  reload(): Promise<boolean> {
    this.#reloading ??= this.#reload().finally(() => {
      this.#reloading = null;
    });
    return this.#reloading;
  }

  /**
   * Puts a later state of the keyring in the place of this one, wrapped by the seal of this process.
   *
   * @throws RekeyError `invalid-state`, reason `rewrap-unfinished`, while another KEK is to take over: its wrap would be
   *   lost; `conflict` if somebody else changed the keyring meanwhile; what the seal throws
   */
  async replace(later: Keyring): Promise<void> {
    if (this.#record.also !== undefined) throw rewrapUnfinished();
    const { seal } = this.#options;
    const record = await later.wrap(seal);
    const { wrap } = await Keyring.unwrapAny(record, seal);
    const revision = await this.#put(record);
    this.#record = record;
    this.#revision = revision;
    this.#wrap = wrap;
    this.keyring.become(later);
  }

  /** Puts the same keyring with other wraps. @throws RekeyError `conflict` as {@link StoreKeys.replace} */
  async rewrap(record: KeyringRecord): Promise<void> {
    this.#revision = await this.#put(record);
    this.#record = record;
  }

  async #put(record: KeyringRecord): Promise<number> {
    const body = Buffer.from(JSON.stringify(record));
    const write = { collection: KEYRING, id: KEYRING, body, expect: this.#revision };
    const result = await this.#options.driver.commit({ writes: [write] });
    if (result.committed) return result.revision;
    await this.reload();
    throw new RekeyError(
      'conflict',
      'The keyring was changed by somebody else meanwhile; look at `rekey keys status`.',
    );
  }

  async #reload(): Promise<boolean> {
    const standing = await read(this.#options, this.#revision);
    if (standing === null) return false;
    this.keyring.become(standing.keyring);
    this.#record = standing.record;
    this.#revision = standing.revision;
    this.#wrap = standing.wrap;
    return true;
  }
}

/** Null if there is none, or still the one of the given revision. */
async function read(options: StoreKeysOptions, known: number): Promise<Standing | null> {
  const stored = await options.driver.get(KEYRING, KEYRING);
  if (stored === null || stored.revision === known) return null;
  const record = parseKeyringRecord(stored.body, options.place);
  return { record, revision: stored.revision, ...(await Keyring.unwrapAny(record, options.seal)) };
}

/** @throws RekeyError `integrity`, reason `keyring-malformed` */
export function parseKeyringRecord(body: Uint8Array, place: string): KeyringRecord {
  try {
    const { storeId, seal, wrapped, also } = JSON.parse(Buffer.from(body).toString()) as Partial<KeyringRecord>;
    if (typeof storeId === 'string' && typeof seal === 'string' && typeof wrapped === 'string')
      return { storeId, seal, wrapped, ...(also === undefined ? {} : { also }) };
  } catch {}
  const message = `The keyring of the store ${place} cannot be read; restore a backup.`;
  throw new RekeyError('integrity', message, { reason: 'keyring-malformed' });
}

function rewrapUnfinished(): RekeyError {
  const message =
    'The keyring is being handed over to another seal; finish that first, or `rekey keys rewrap --cancel`: see `rekey keys status`.';
  return new RekeyError('invalid-state', message, { reason: 'rewrap-unfinished' });
}
