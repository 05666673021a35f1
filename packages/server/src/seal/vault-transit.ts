import { createHash, timingSafeEqual } from 'node:crypto';
import { RekeyError } from '@rekey/core';
import { away, DEFAULT_PATIENCE, type Patience, patiently } from './patience.ts';
import { postJson } from './post-json.ts';
import type { Seal } from './seal.ts';
import { readSecret, type SecretSource } from './secret-text.ts';

export interface VaultTransitSettings {
  /** `https://vault.internal:8200`; may have a path before `/v1`. */
  readonly address: string;
  /** Name of the key in the transit engine; of a type that encrypts and decrypts. */
  readonly key: string;
  /** Where the engine is mounted. */
  readonly mount: string;
  /** Vault Enterprise, HCP and OpenBao; null: none. */
  readonly namespace: string | null;
}

export interface VaultTransitOptions {
  readonly settings: VaultTransitSettings;
  readonly token: SecretSource;
  /** Certificates (PEM) of the authorities that vouch for it; null: those the machine trusts. */
  readonly caFile: string | null;
  readonly patience?: Patience;
}

const DIGEST = 32;

/**
 * A KEK that never leaves the transit engine of Vault or OpenBao, spoken to by its plain HTTP API:
 * https://developer.hashicorp.com/vault/api-docs/secret/transit. Needs `update` on `<mount>/encrypt/<key>` and
 * `<mount>/decrypt/<key>`.
 *
 * What a wrap belongs to travels inside: SHA-256 of the context, then the keyring. (The engine's own `associated_data`
 * is not known to every version and kind of key.)
 */
export class VaultTransitSeal implements Seal {
  readonly name = 'vault-transit';
  readonly #settings: VaultTransitSettings;
  readonly #token: SecretSource;
  readonly #caFile: string | null;
  readonly #patience: Patience;

  constructor({ settings, token, caFile, patience = DEFAULT_PATIENCE }: VaultTransitOptions) {
    this.#settings = settings;
    this.#token = token;
    this.#caFile = caFile;
    this.#patience = patience;
  }

  describe(): string {
    const { key, mount, address } = this.#settings;
    return `the transit key ${mount}/${key} at ${address}`;
  }

  /** A key of the engine is made by those who run it: what a typing error would make here, nobody would back up. */
  async prepare(): Promise<void> {}

  async wrap(plain: Uint8Array, context: string): Promise<Uint8Array> {
    const framed = Buffer.concat([digestOf(context), plain]);
    try {
      const { ciphertext } = await this.#ask('encrypt', { plaintext: framed.toString('base64') });
      if (typeof ciphertext !== 'string') throw this.#strange();
      return Buffer.from(ciphertext, 'latin1');
    } finally {
      framed.fill(0);
    }
  }

  async unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    const ciphertext = Buffer.from(wrapped).toString('latin1');
    if (!/^vault:v\d+:[A-Za-z0-9+/=]+$/.test(ciphertext)) throw this.#altered();
    const { plaintext } = await this.#ask('decrypt', { ciphertext });
    if (typeof plaintext !== 'string') throw this.#strange();
    const framed = Buffer.from(plaintext, 'base64');
    const known = framed.subarray(0, DIGEST);
    if (known.length !== DIGEST || !timingSafeEqual(known, digestOf(context))) throw this.#altered();
    return framed.subarray(DIGEST);
  }

  #ask(operation: 'encrypt' | 'decrypt', body: Readonly<Record<string, string>>): Promise<Record<string, unknown>> {
    return patiently(this.#patience, (signal) => this.#askOnce(operation, body, signal));
  }

  async #askOnce(operation: string, body: object, signal: AbortSignal): Promise<Record<string, unknown>> {
    const { address, mount, key, namespace } = this.#settings;
    const url = `${address.replace(/\/+$/, '')}/v1/${mount}/${operation}/${encodeURIComponent(key)}`;
    const headers = {
      'content-type': 'application/json',
      'x-vault-request': 'true',
      'x-vault-token': readSecret(this.#token, 'Vault token'),
      ...(namespace === null ? {} : { 'x-vault-namespace': namespace }),
    };
    const request = { url, headers, body: JSON.stringify(body), caFile: this.#caFile, signal };
    const answer = await postJson(request).catch((error) => {
      throw error instanceof RekeyError ? error : away(this.#place(), error);
    });
    if (answer.status !== 200) throw this.#failureOf(answer.status, errorsOf(answer.content), operation);
    const data = dataOf(answer.content);
    if (data === null) throw this.#strange();
    return data;
  }

  /** The engine's texts are matched and never repeated: they may quote what was sent. */
  #failureOf(status: number, errors: string, operation: string): RekeyError {
    const { mount, key } = this.#settings;
    if (status === 403)
      return refusal(
        'seal-refused',
        `Vault refused rekey's token for ${operation} with ${this.describe()}; give a valid token whose policy allows update on ${mount}/encrypt/${key} and ${mount}/decrypt/${key}.`,
      );
    if (status === 404 || /no handler for route|encryption key not found/i.test(errors))
      return refusal(
        'seal-key-missing',
        `There is no ${this.describe().slice('the '.length)}; make it with \`vault write -f ${mount}/keys/${key}\`, or name the right key and mount.`,
      );
    if (status === 429 || status >= 500 || status === 472 || status === 473)
      return away(this.#place(), { code: `HTTP ${status}` });
    if (operation === 'decrypt' && status === 400) return this.#notOurs(errors);
    return refusal(
      'seal-refused',
      `Vault refused to ${operation} with ${this.describe()} (HTTP ${status}); see that it is a key for encryption.`,
    );
  }

  /** A key version that the engine does not have is another key; what it has and does not open was altered. */
  #notOurs(errors: string): RekeyError {
    if (
      !/authentication failed|unable to decrypt|invalid ciphertext: version|too new|disallowed by policy/i.test(errors)
    )
      return this.#altered();
    const message = `${capital(this.describe())} is not the key of this store, or the keyring in it was altered; give the key it was sealed with, or restore a backup.`;
    return new RekeyError('decryption-failed', message, { reason: 'wrong-key' });
  }

  #altered(): RekeyError {
    const message = `The keyring in the store was altered: ${this.describe()} does not open it; restore a backup.`;
    return new RekeyError('integrity', message, { reason: 'keyring-altered' });
  }

  #strange(): RekeyError {
    const message = `${this.#settings.address} does not answer as Vault's transit engine does; look what stands there.`;
    return new RekeyError('invalid-state', message, { reason: 'seal-answer' });
  }

  #place(): string {
    return `Vault at ${this.#settings.address}`;
  }
}

function digestOf(context: string): Buffer {
  return createHash('sha256').update(context).digest();
}

function dataOf(content: unknown): Record<string, unknown> | null {
  const data = (content as { data?: unknown } | null)?.data;
  return typeof data === 'object' && data !== null ? (data as Record<string, unknown>) : null;
}

function errorsOf(content: unknown): string {
  const errors = (content as { errors?: unknown } | null)?.errors;
  return Array.isArray(errors) ? errors.join(' ') : '';
}

function refusal(reason: string, message: string): RekeyError {
  return new RekeyError('invalid-state', message, { reason });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
