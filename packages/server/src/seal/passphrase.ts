import { createSecretKey, type KeyObject, scrypt } from 'node:crypto';
import { type RandomSource, RekeyError, systemRandom } from '@rekey/core';
import { type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope } from './envelope.ts';
import { identify } from './kek-id.ts';
import type { Seal } from './seal.ts';
import { describeSource, readSecret, type SecretSource } from './secret-text.ts';

/** What a guess at the passphrase costs (RFC 7914): memory is 128 · 2^cost · blockSize bytes. */
export interface ScryptParameters {
  /** Binary logarithm of N. */
  readonly cost: number;
  /** r */
  readonly blockSize: number;
  /** p */
  readonly parallelism: number;
}

/** N = 2¹⁷, r = 8, p = 1: 128 MiB and some tenths of a second a guess (OWASP Password Storage Cheat Sheet). */
export const SCRYPT: ScryptParameters = { cost: 17, blockSize: 8, parallelism: 1 };

/** Shorter ones are guessed, whatever a guess costs. Asked of new stores only. */
export const SHORTEST_PASSPHRASE = 12;

const FORMAT = 1;
const SALT = 16;
const HEAD = 4 + SALT;
const KEY_LENGTH = 32;
/** What a store may ask for: it is not to be trusted with a gigabyte. */
const MOST: ScryptParameters = { cost: 20, blockSize: 8, parallelism: 4 };

export interface PassphraseOptions {
  readonly source: SecretSource;
  readonly random?: RandomSource;
  /** For new wraps; what was wrapped tells its own. */
  readonly parameters?: ScryptParameters;
}

/**
 * A KEK derived from a passphrase by scrypt.
 *
 * ```
 *   ┌────────┬───────────┬────────────┬──────────────┬──────┬───────────────────────────┐
 *   │ format │ log2 of N │ r          │ p            │ salt │ envelope; its additional  │
 *   │ 1 byte │ 1 byte    │ 1 byte     │ 1 byte       │ 16   │ data: context             │
 *   └────────┴───────────┴────────────┴──────────────┴──────┴───────────────────────────┘
 * ```
 *
 * The head needs no binding: another salt or cost is another key, which does not open the envelope.
 */
export class PassphraseSeal implements Seal {
  readonly name = 'passphrase';
  readonly #source: SecretSource;
  readonly #random: RandomSource;
  readonly #parameters: ScryptParameters;
  /** The last one derived, with the head it belongs to: scrypt is slow on purpose. */
  #derived: { readonly head: Buffer; readonly kek: EnvelopeKey } | null = null;

  constructor({ source, random = systemRandom, parameters = SCRYPT }: PassphraseOptions) {
    this.#source = source;
    this.#random = random;
    this.#parameters = parameters;
  }

  describe(): string {
    return `the passphrase in ${describeSource(this.#source)}`;
  }

  async prepare(): Promise<void> {
    if (readSecret(this.#source, 'passphrase').length >= SHORTEST_PASSPHRASE) return;
    throw new RekeyError(
      'invalid-input',
      `The passphrase in ${describeSource(this.#source)} is shorter than ${SHORTEST_PASSPHRASE} characters; take one that nobody guesses, such as six random words.`,
      { reason: 'wrong-use' },
    );
  }

  async wrap(plain: Uint8Array, context: string): Promise<Uint8Array> {
    const { head, kek } = this.#derived ?? (await this.#derive(this.#newHead()));
    return Buffer.concat([head, sealEnvelope(kek, context, plain, this.#random)]);
  }

  async unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    const head = Buffer.from(wrapped.subarray(0, HEAD));
    const envelope = wrapped.subarray(HEAD);
    const named = envelopeKeyId(envelope);
    if (named === null || !isSound(head)) throw altered();
    const known = this.#derived?.head.equals(head) === true ? this.#derived : await this.#derive(head);
    if (named !== known.kek.id) throw wrongPassphrase(this.#source);
    try {
      return openEnvelope(known.kek, context, envelope);
    } catch {
      throw altered();
    }
  }

  #newHead(): Buffer {
    const { cost, blockSize, parallelism } = this.#parameters;
    return Buffer.concat([Buffer.from([FORMAT, cost, blockSize, parallelism]), this.#random.bytes(SALT)]);
  }

  async #derive(head: Buffer) {
    const kek = identify(await deriveKey(readSecret(this.#source, 'passphrase'), head));
    this.#derived = { head, kek };
    return this.#derived;
  }
}

function isSound(head: Buffer): boolean {
  const [format, cost, blockSize, parallelism] = head as unknown as [number, number, number, number];
  return (
    head.length === HEAD &&
    format === FORMAT &&
    cost >= 1 &&
    cost <= MOST.cost &&
    blockSize >= 1 &&
    blockSize <= MOST.blockSize &&
    parallelism >= 1 &&
    parallelism <= MOST.parallelism
  );
}

/** The same passphrase typed on another system may be composed otherwise: NFC, as RFC 8265 has it. */
function deriveKey(passphrase: string, head: Buffer): Promise<KeyObject> {
  const [N, r, p] = [2 ** head[1]!, head[2]!, head[3]!];
  const options = { N, r, p, maxmem: 128 * N * r + 128 * r * p + 1_048_576 };
  return new Promise((resolve, reject) => {
    scrypt(passphrase.normalize('NFC'), head.subarray(4), KEY_LENGTH, options, (error, key) => {
      if (error !== null) return reject(noMemory());
      const made = createSecretKey(key);
      key.fill(0);
      resolve(made);
    });
  });
}

function wrongPassphrase(source: SecretSource): RekeyError {
  const message = `The passphrase in ${describeSource(source)} is not the one of this store; give the one it was sealed with.`;
  return new RekeyError('decryption-failed', message, { reason: 'wrong-key' });
}

function altered(): RekeyError {
  const message = 'The keyring in the store was altered: no passphrase opens it; restore a backup.';
  return new RekeyError('integrity', message, { reason: 'keyring-altered' });
}

function noMemory(): RekeyError {
  const message =
    'The key could not be derived from the passphrase: that needs 128 MiB of memory for a moment; give rekey more.';
  return new RekeyError('unavailable', message, { reason: 'passphrase-memory' });
}
