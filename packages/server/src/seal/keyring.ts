import { createHash, createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { type RandomSource, RekeyError, systemRandom } from '@rekey/core';
import { type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope, unopenable } from './envelope.ts';
import type { Seal } from './seal.ts';

/** The keyring as one KEK wrapped it. */
export interface WrappedKeyring {
  /** {@link Seal.name} of the seal that wrapped it. */
  readonly seal: string;
  /** Base64. */
  readonly wrapped: string;
}

/** The keyring as the store keeps it: useless without a KEK behind one of its seals. */
export interface KeyringRecord extends WrappedKeyring {
  readonly storeId: string;
  /** The same keyring, wrapped by the KEK that is to take over: any of them opens it. Left out: none is. */
  readonly also?: readonly WrappedKeyring[];
}

/** Names a wrap among others, for servers to say by which one they opened the store; tells nothing. */
export function wrapId({ wrapped }: WrappedKeyring): string {
  return createHash('sha256').update(wrapped).digest('base64url').slice(0, 12);
}

/** A data-encryption key (DEK). */
export interface DataKey {
  /** 1 upwards, never reused within a store. */
  readonly id: number;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
  readonly key: KeyObject;
}

interface Purpose {
  readonly additionalPrefix: string;
  readonly subkeys: Map<number, EnvelopeKey>;
}

const KEY_LENGTH = 32;
const FORMAT = 1;
const HEAD_LENGTH = 1 + 4 + KEY_LENGTH;
const ENTRY_LENGTH = 4 + 8 + KEY_LENGTH;

/**
 * The keys inside the store: seals with the active DEK, opens with whichever DEK sealed. Wrapped as a whole, so that
 * nobody who can write the store's files can make a retired DEK active again.
 */
export class Keyring {
  readonly storeId: string;
  #dataKeys: ReadonlyMap<number, DataKey>;
  #active: number;
  readonly #indexKey: KeyObject;
  readonly #purposes = new Map<string, Purpose>();

  private constructor(storeId: string, dataKeys: readonly DataKey[], active: number, indexKey: KeyObject) {
    this.storeId = storeId;
    this.#dataKeys = new Map(dataKeys.map((dataKey) => [dataKey.id, dataKey]));
    this.#active = active;
    this.#indexKey = indexKey;
  }

  /** Fresh keys for a new store. */
  static create(storeId: string, now: number, random: RandomSource = systemRandom): Keyring {
    return new Keyring(storeId, [makeDataKey(1, now, random)], 1, createSecretKey(random.bytes(KEY_LENGTH)));
  }

  /**
   * Opens a stored keyring.
   *
   * @throws RekeyError `invalid-state` if another kind of seal wrapped it; else what {@link Seal.unwrap} throws.
   */
  static async unwrap(record: KeyringRecord, seal: Seal): Promise<Keyring> {
    return (await Keyring.unwrapAny(record, seal)).keyring;
  }

  /** As {@link Keyring.unwrap}; tells which of the record's wraps the seal opened. */
  static async unwrapAny(
    record: KeyringRecord,
    seal: Seal,
  ): Promise<{ readonly keyring: Keyring; readonly wrap: WrappedKeyring }> {
    const { storeId, also = [] } = record;
    const ours = [record, ...also].filter((wrap) => wrap.seal === seal.name);
    if (ours.length === 0) throw otherSeal([record, ...also], seal);
    let failure: unknown;
    for (const { seal: name, wrapped } of ours) {
      try {
        return { keyring: await Keyring.#unwrapOne(storeId, wrapped, seal), wrap: { seal: name, wrapped } };
      } catch (error) {
        failure ??= error;
      }
    }
    throw failure;
  }

  static async #unwrapOne(storeId: string, wrapped: string, seal: Seal): Promise<Keyring> {
    const plain = Buffer.from(await seal.unwrap(Buffer.from(wrapped, 'base64'), contextOf(storeId)));
    try {
      return Keyring.#decode(storeId, plain);
    } finally {
      plain.fill(0);
    }
  }

  /** For the store to keep. Wrapping again with another seal is how a store changes its KEK. */
  async wrap(seal: Seal): Promise<KeyringRecord> {
    const plain = this.#encode();
    try {
      const wrapped = await seal.wrap(plain, contextOf(this.storeId));
      return { storeId: this.storeId, seal: seal.name, wrapped: Buffer.from(wrapped).toString('base64') };
    } finally {
      plain.fill(0);
    }
  }

  /** The same keyring with one more DEK, which is active from now on; what older ones sealed still opens. */
  renewed(now: number, random: RandomSource = systemRandom): Keyring {
    return this.extended(now, random).activated();
  }

  /** The same keyring with one more DEK, which opens and does not seal yet: others are to have it first. */
  extended(now: number, random: RandomSource = systemRandom): Keyring {
    const made = makeDataKey(this.newestId + 1, now, random);
    return new Keyring(this.storeId, [...this.#dataKeys.values(), made], this.#active, this.#indexKey);
  }

  /** The same keyring, sealing with its newest DEK. */
  activated(): Keyring {
    return new Keyring(this.storeId, [...this.#dataKeys.values()], this.newestId, this.#indexKey);
  }

  /** The same keyring without the DEKs that are older than the active one: what they sealed is lost. */
  withoutOlder(): Keyring {
    const kept = [...this.#dataKeys.values()].filter(({ id }) => id >= this.#active);
    return new Keyring(this.storeId, kept, this.#active, this.#indexKey);
  }

  /**
   * Takes over the DEKs of a later state of the same keyring, for everybody who holds this one.
   *
   * @throws RekeyError `integrity` if it is another store's
   */
  become(later: Keyring): void {
    if (later.storeId !== this.storeId || !later.#indexKey.equals(this.#indexKey)) throw malformed(this.storeId);
    this.#dataKeys = later.#dataKeys;
    this.#active = later.#active;
    this.#purposes.clear();
  }

  /** The DEK that seals. */
  get activeId(): number {
    return this.#active;
  }

  /** The DEK that was made last. */
  get newestId(): number {
    return Math.max(...this.#dataKeys.keys());
  }

  /** All DEKs, oldest first. */
  get dataKeys(): readonly Pick<DataKey, 'id' | 'madeAt'>[] {
    return [...this.#dataKeys.values()].map(({ id, madeAt }) => ({ id, madeAt }));
  }

  /** When the active DEK was made; milliseconds since the epoch. */
  get activeSince(): number {
    return this.#dataKeys.get(this.#active)!.madeAt;
  }

  /**
   * Seals with the active DEK.
   *
   * @param purpose what kind of thing it is: one of a few constants, since a subkey is kept for each.
   * @param additional which thing it is; must be given again to open.
   */
  seal(purpose: string, additional: string, plain: Uint8Array): Uint8Array {
    const { subkeys, additionalPrefix } = this.#purpose(purpose);
    return sealEnvelope(subkeys.get(this.#active)!, additionalPrefix + additional, plain);
  }

  /** @throws RekeyError `decryption-failed`, without detail, for anything but what {@link seal} made of the same. */
  open(purpose: string, additional: string, envelope: Uint8Array): Uint8Array {
    const { subkeys, additionalPrefix } = this.#purpose(purpose);
    const subkey = subkeys.get(envelopeKeyId(envelope) ?? 0);
    if (subkey === undefined) throw unopenable();
    return openEnvelope(subkey, additionalPrefix + additional, envelope);
  }

  /** Whether the DEK that sealed the envelope is here. */
  knows(envelope: Uint8Array): boolean {
    return this.#dataKeys.has(envelopeKeyId(envelope) ?? 0);
  }

  /** True if the envelope was sealed with an older DEK and should be sealed again. */
  isOutdated(envelope: Uint8Array): boolean {
    return envelopeKeyId(envelope) !== this.#active;
  }

  /** HMAC-SHA-256 under the index key, first 24 bytes as base64url: stable for the store's life, tells nothing. */
  opaque(namespace: string, text: string): string {
    const digest = createHmac('sha256', this.#indexKey).update(`${Buffer.byteLength(namespace)}:${namespace}${text}`);
    return digest.digest().toString('base64url', 0, 24);
  }

  #purpose(name: string): Purpose {
    const known = this.#purposes.get(name);
    if (known !== undefined) return known;
    if (name.includes('\0')) throw new RekeyError('bug', 'The purpose of an envelope must not contain NUL.');
    const made: Purpose = {
      additionalPrefix: `${this.storeId}\0${name}\0`,
      subkeys: new Map([...this.#dataKeys.values()].map((dataKey) => [dataKey.id, deriveSubkey(dataKey, name)])),
    };
    this.#purposes.set(name, made);
    return made;
  }

  #encode(): Buffer {
    const plain = Buffer.alloc(HEAD_LENGTH + this.#dataKeys.size * ENTRY_LENGTH);
    plain[0] = FORMAT;
    plain.writeUInt32BE(this.#active, 1);
    copyKey(this.#indexKey, plain, 5);
    let at = HEAD_LENGTH;
    for (const dataKey of this.#dataKeys.values()) {
      plain.writeUInt32BE(dataKey.id, at);
      plain.writeDoubleBE(dataKey.madeAt, at + 4);
      copyKey(dataKey.key, plain, at + 12);
      at += ENTRY_LENGTH;
    }
    return plain;
  }

  static #decode(storeId: string, plain: Buffer): Keyring {
    const dataKeys: DataKey[] = [];
    for (let at = HEAD_LENGTH; at + ENTRY_LENGTH <= plain.length; at += ENTRY_LENGTH) {
      const key = createSecretKey(plain.subarray(at + 12, at + ENTRY_LENGTH));
      dataKeys.push({ id: plain.readUInt32BE(at), madeAt: plain.readDoubleBE(at + 4), key });
    }
    const sound = plain.length === HEAD_LENGTH + dataKeys.length * ENTRY_LENGTH && plain[0] === FORMAT;
    if (!sound || !dataKeys.some((dataKey) => dataKey.id === plain.readUInt32BE(1))) throw malformed(storeId);
    return new Keyring(storeId, dataKeys, plain.readUInt32BE(1), createSecretKey(plain.subarray(5, HEAD_LENGTH)));
  }
}

function makeDataKey(id: number, madeAt: number, random: RandomSource): DataKey {
  return { id, madeAt, key: createSecretKey(random.bytes(KEY_LENGTH)) };
}

function deriveSubkey(dataKey: DataKey, purpose: string): EnvelopeKey {
  const bytes = Buffer.from(hkdfSync('sha256', dataKey.key, new Uint8Array(0), `rekey ${purpose}`, KEY_LENGTH));
  const key = createSecretKey(bytes);
  bytes.fill(0);
  return { id: dataKey.id, key };
}

function copyKey(key: KeyObject, into: Buffer, at: number): void {
  const bytes = key.export();
  into.set(bytes, at);
  bytes.fill(0);
}

function contextOf(storeId: string): string {
  return `rekey keyring of store ${storeId}`;
}

function otherSeal(recorded: readonly WrappedKeyring[], given: Seal): RekeyError {
  const names = [...new Set(recorded.map(({ seal }) => JSON.stringify(seal)))].join(' and ');
  const message = `This store was sealed by ${names}, not by ${given.describe()}; start rekey with the seal it was made with.`;
  return new RekeyError('invalid-state', message, { reason: 'other-seal' });
}

function malformed(storeId: string): RekeyError {
  const message = `The keyring of store ${storeId} has a form this rekey does not know; run the rekey that wrote it, or restore a backup.`;
  return new RekeyError('integrity', message, { reason: 'keyring-malformed' });
}
