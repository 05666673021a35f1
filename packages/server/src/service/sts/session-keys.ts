import { createSecretKey } from 'node:crypto';
import { type Clock, type RandomSource, RekeyError } from '@rekey/core';
import type { SessionSeal } from '../../auth/session/session-token.ts';
import { type EnvelopeKey, envelopeKeyId, openEnvelope, sealEnvelope, unopenable } from '../../seal/envelope.ts';
import type { Store } from '../../store/store.ts';

export interface SessionKeysParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
}

/** A key that seals session tokens, as the store keeps it. */
interface KeptKey {
  /** 1 upwards. */
  readonly id: number;
  /** Base64. */
  readonly key: string;
  /** Milliseconds since the epoch. */
  readonly madeAt: number;
  /** The DEK that was active then. */
  readonly dataKeyId: number;
}

const SETTING = 'session-keys';
const KEY_LENGTH = 32;
/** The longest that any session lasts (GetSessionToken, 36 hours); milliseconds. */
const LONGEST_SESSION = 129_600_000;
/** Servers that may find at once that a new key is wanted. */
const ATTEMPTS = 10;

/**
 * The keys that seal session tokens. They are kept in the store like everything else, so that who holds a session does
 * not lose it when a DEK is dropped; a new DEK brings a new one, and the one before opens for as long as a session of it
 * can last.
 */
export class SessionKeys {
  readonly #parts: SessionKeysParts;
  #known: readonly KeptKey[] = [];
  #loading: Promise<void> | null = null;

  constructor(parts: SessionKeysParts) {
    this.#parts = parts;
  }

  /** What seals new tokens. */
  async sealing(): Promise<SessionSeal> {
    if (!this.#isCurrent()) await this.#renew();
    return this.#sealOf(this.#known.at(-1)!);
  }

  /** What opens a token that is sealed so; null if no key does. */
  async opening(envelope: Uint8Array): Promise<SessionSeal | null> {
    const id = envelopeKeyId(envelope);
    if (id === null) return null;
    const find = () => this.#known.find((kept) => kept.id === id);
    if (find() === undefined) await this.#load();
    const found = find();
    return found === undefined ? null : this.#sealOf(found);
  }

  /** A server that has yet to take over the newest DEK may find a key that was made for it. */
  #isCurrent(): boolean {
    return (this.#known.at(-1)?.dataKeyId ?? 0) >= this.#parts.store.keyring.activeId;
  }

  /** Once, however many tokens of unknown keys come in. */
  #load(): Promise<void> {
    this.#loading ??= this.#read()
      .then(() => {})
      .finally(() => {
        this.#loading = null;
      });
    return this.#loading;
  }

  /** @returns the revision of what was read; 0 for nothing */
  async #read(): Promise<number> {
    const entry = await this.#parts.store.get('setting', SETTING);
    this.#known = (entry?.record as { readonly keys: readonly KeptKey[] } | undefined)?.keys ?? [];
    return entry?.revision ?? 0;
  }

  async #renew(): Promise<void> {
    const { store, clock, random } = this.#parts;
    for (let attempt = 1; ; attempt += 1) {
      const expect = await this.#read();
      if (this.#isCurrent()) return;
      const [now, dataKeyId] = [clock.now(), store.keyring.activeId];
      const key = Buffer.from(random.bytes(KEY_LENGTH)).toString('base64');
      const made = { id: (this.#known.at(-1)?.id ?? 0) + 1, key, madeAt: now, dataKeyId };
      const keys = [...stillNeeded(this.#known, now), made];
      try {
        await store.commit([{ collection: 'setting', id: SETTING, record: { keys }, expect }]);
        this.#known = keys;
        return;
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }

  #sealOf({ id, key }: KeptKey): SessionSeal {
    const envelopeKey: EnvelopeKey = { id, key: createSecretKey(key, 'base64') };
    const bound = (purpose: string, additional: string) => `${this.#parts.store.storeId}\0${purpose}\0${additional}`;
    return {
      seal: (purpose, additional, plain) => sealEnvelope(envelopeKey, bound(purpose, additional), plain),
      open: (purpose, additional, envelope) => {
        if (envelopeKeyId(envelope) !== id) throw unopenable();
        return openEnvelope(envelopeKey, bound(purpose, additional), envelope);
      },
    };
  }
}

/** A key is needed until the last session ends that was sealed before the next key was made. */
function stillNeeded(keys: readonly KeptKey[], now: number): readonly KeptKey[] {
  return keys.filter((_, at) => {
    const next = keys[at + 1];
    return next === undefined || next.madeAt + LONGEST_SESSION > now;
  });
}
