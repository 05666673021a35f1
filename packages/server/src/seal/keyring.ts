import { createHmac, createSecretKey, hkdfSync, type KeyObject } from 'node:crypto';
import { type RandomSource, RekeyError, systemRandom } from '@rekey/core';
import { type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope, unopenable } from './envelope.ts';
import type { Seal } from './seal.ts';

/** The keyring as the store keeps it: useless without the KEK behind the seal. */
export interface KeyringRecord {
  readonly storeId: string;
  /** {@link Seal.name} of the seal that wrapped it. */
  readonly seal: string;
  /** Base64. */
  readonly wrapped: string;
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
  readonly #dataKeys: ReadonlyMap<number, DataKey>;
  readonly #active: number;
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
    if (record.seal !== seal.name) throw otherSeal(record.seal, seal);
    const plain = Buffer.from(await seal.unwrap(Buffer.from(record.wrapped, 'base64'), contextOf(record.storeId)));
    try {
      return Keyring.#decode(record.storeId, plain);
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
    const id = Math.max(...this.#dataKeys.keys()) + 1;
    const dataKeys = [...this.#dataKeys.values(), makeDataKey(id, now, random)];
    return new Keyring(this.storeId, dataKeys, id, this.#indexKey);
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

function otherSeal(recorded: string, given: Seal): RekeyError {
  const message = `This store was sealed by ${JSON.stringify(recorded)}, not by ${given.describe()}; start rekey with the seal it was made with.`;
  return new RekeyError('invalid-state', message, { reason: 'other-seal' });
}

function malformed(storeId: string): RekeyError {
  const message = `The keyring of store ${storeId} has a form this rekey does not know; run the rekey that wrote it, or restore a backup.`;
  return new RekeyError('integrity', message, { reason: 'keyring-malformed' });
}
