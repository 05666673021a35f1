import { createHmac, createSecretKey, type KeyObject } from 'node:crypto';

/** Day, region and service a signing key is good for. */
export interface CredentialScope {
  /** `YYYYMMDD`, UTC. */
  readonly date: string;
  readonly region: string;
  readonly service: string;
}

/** Secret access key: as text, or as {@link secretAccessKeyObject} makes it, which nothing can print by accident. */
export type SecretAccessKey = string | KeyObject;

/** The key that signing starts from, `"AWS4" + secret`, so that it never has to leave its KeyObject again. */
export function secretAccessKeyObject(secret: string): KeyObject {
  return createSecretKey(Buffer.from(`AWS4${secret}`));
}

interface CachedKey {
  readonly secret: SecretAccessKey;
  readonly key: KeyObject;
}

/** `HMAC(HMAC(HMAC(HMAC("AWS4" + secret, date), region), service), "aws4_request")`. */
export function deriveSigningKey(secret: SecretAccessKey, scope: CredentialScope): KeyObject {
  let key = typeof secret === 'string' ? secretAccessKeyObject(secret) : secret;
  for (const part of [scope.date, scope.region, scope.service, 'aws4_request']) {
    key = createSecretKey(createHmac('sha256', key).update(part).digest());
  }
  return key;
}

/**
 * Remembers signing keys, the least recently used one forgotten first. Deriving one costs four HMACs (some 30 µs)
 * and is the same all day; a key is never handed out for another secret than the one it was derived from.
 */
export class SigningKeys {
  readonly #limit: number;
  readonly #keys = new Map<string, CachedKey>();

  /** @param limit how many keys are remembered; one per access key, day and service in use. */
  constructor(limit = 4096) {
    this.#limit = limit;
  }

  get(accessKeyId: string, secret: SecretAccessKey, scope: CredentialScope): KeyObject {
    const id = `${accessKeyId}/${scope.date}/${scope.region}/${scope.service}`;
    const cached = this.#keys.get(id);
    if (cached === undefined || !sameSecret(cached.secret, secret)) return this.#keep(id, secret, scope);
    if (this.#keys.size * 2 > this.#limit) this.#moveLast(id, cached);
    return cached.key;
  }

  #keep(id: string, secret: SecretAccessKey, scope: CredentialScope): KeyObject {
    const key = deriveSigningKey(secret, scope);
    this.#moveLast(id, { secret, key });
    if (this.#keys.size > this.#limit) this.#keys.delete(this.#keys.keys().next().value!);
    return key;
  }

  /** The order is only kept once it may soon be asked for: moving costs more than finding. */
  #moveLast(id: string, cached: CachedKey): void {
    this.#keys.delete(id);
    this.#keys.set(id, cached);
  }

  get size(): number {
    return this.#keys.size;
  }
}

function sameSecret(known: SecretAccessKey, given: SecretAccessKey): boolean {
  if (known === given) return true;
  if (typeof known === 'string' || typeof given === 'string') return false;
  return known.equals(given);
}
