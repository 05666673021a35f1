import { messageOf } from '@rekey/core';
import type { CompactJWSHeaderParameters, CryptoKey, LocalJWKSet } from 'jose';
import { fetchKeySet, type KeyDocumentsOptions } from './key-documents.ts';
import type { IssuerTrust } from './provider.ts';
import { invalidToken, issuerUnreachable } from './refusals.ts';

export interface IssuerKeysOptions extends KeyDocumentsOptions {
  /** What the operator says about an issuer. */
  readonly trustOf: (issuer: string) => IssuerTrust;
  /** Milliseconds since the epoch. */
  readonly now: () => number;
  /** Milliseconds for discovery and key set together. */
  readonly budget?: number;
}

/** Longer lets a slow issuer hold requests open; shorter gives up on one across an ocean that is just waking up. */
const BUDGET = 5_000;
/** Longer trusts a withdrawn key for longer; shorter asks the issuer more often. Milliseconds. */
const FRESH = 10 * 60_000;
/** How long known keys serve while the issuer does not answer: an hour's outage there is none here. Milliseconds. */
const USABLE = 60 * 60_000;
/** Between two attempts while keys are known: tokens with invented key ids cannot make us hammer the issuer. */
const PAUSE = 30_000;
/** Between two attempts while none are known: everybody waits for them. */
const FIRST_PAUSE = 1_000;
/** Of former providers; a bound, nothing more. */
const MOST_ISSUERS = 1_000;

interface KeySet {
  readonly pick: LocalJWKSet;
  readonly fetchedAt: number;
}

interface IssuerState {
  known: KeySet | null;
  attemptedAt: number;
  /** Why the last attempt failed; null if it did not. */
  failure: string | null;
  loading: Promise<KeySet> | null;
}

/** The keys of issuers, remembered, and fetched again when they grow old or a token names one we do not know. */
export class IssuerKeys {
  readonly #options: IssuerKeysOptions;
  readonly #states = new Map<string, IssuerState>();

  constructor(options: IssuerKeysOptions) {
    this.#options = options;
  }

  /**
   * The key that a token's header names.
   *
   * @throws RekeyError `unauthenticated` if the issuer has no such key; `unavailable` if it could not be asked
   */
  async find(issuer: string, header: CompactJWSHeaderParameters): Promise<CryptoKey> {
    const state = this.#stateOf(issuer);
    const keys = await this.#current(issuer, state);
    const key = await pick(keys, header);
    if (key !== null) return key;
    if (!this.#mayAttempt(state)) throw unknownKey(issuer);
    const renewed = await this.#load(issuer, state);
    const found = await pick(renewed, header);
    if (found === null) throw unknownKey(issuer);
    return found;
  }

  async #current(issuer: string, state: IssuerState): Promise<KeySet> {
    const { known } = state;
    const age = known === null ? Number.POSITIVE_INFINITY : this.#options.now() - known.fetchedAt;
    if (known !== null && age < FRESH) return known;
    if (known === null || age >= USABLE) return this.#load(issuer, state);
    if (!this.#mayAttempt(state)) return known;
    return this.#load(issuer, state).catch(() => known);
  }

  #mayAttempt(state: IssuerState): boolean {
    const pause = state.known === null ? FIRST_PAUSE : PAUSE;
    return state.loading !== null || this.#options.now() - state.attemptedAt >= pause;
  }

  /** One attempt at a time, however many ask. */
  #load(issuer: string, state: IssuerState): Promise<KeySet> {
    if (!this.#mayAttempt(state))
      return Promise.reject(issuerUnreachable(issuer, state.failure ?? 'it was just asked'));
    state.loading ??= this.#fetch(issuer, state).finally(() => {
      state.loading = null;
    });
    return state.loading;
  }

  async #fetch(issuer: string, state: IssuerState): Promise<KeySet> {
    const { now, budget = BUDGET, trustOf } = this.#options;
    state.attemptedAt = now();
    try {
      const keySet = await within(budget, (signal) => fetchKeySet(issuer, trustOf(issuer), signal, this.#options));
      const { createLocalJWKSet } = await import('jose');
      state.known = { pick: createLocalJWKSet(keySet), fetchedAt: now() };
      state.failure = null;
      return state.known;
    } catch (error) {
      state.failure = messageOf(error);
      throw issuerUnreachable(issuer, state.failure);
    }
  }

  #stateOf(issuer: string): IssuerState {
    const known = this.#states.get(issuer);
    if (known !== undefined) return known;
    if (this.#states.size >= MOST_ISSUERS) this.#states.clear();
    const made: IssuerState = { known: null, attemptedAt: Number.NEGATIVE_INFINITY, failure: null, loading: null };
    this.#states.set(issuer, made);
    return made;
  }
}

/** Not all of an exchange heeds a signal (looking a name up does not), so that the budget also ends the waiting. */
async function within<T>(budget: number, run: (signal: AbortSignal) => Promise<T>): Promise<T> {
  const signal = AbortSignal.timeout(budget);
  const late = new Error(`it did not answer within ${budget} ms`);
  const { promise, reject } = Promise.withResolvers<never>();
  const end = () => reject(late);
  signal.addEventListener('abort', end, { once: true });
  try {
    return await Promise.race([run(signal), promise]);
  } catch (error) {
    throw signal.aborted ? late : error;
  } finally {
    signal.removeEventListener('abort', end);
  }
}

/** Null where no key, or more than one, fits the header. Only the key id and algorithm of the header are looked at. */
async function pick(keys: KeySet, { alg, kid }: CompactJWSHeaderParameters): Promise<CryptoKey | null> {
  try {
    return await keys.pick({ alg, ...(kid === undefined ? {} : { kid }) });
  } catch {
    return null;
  }
}

function unknownKey(issuer: string): Error {
  return invalidToken(`The identity provider ${issuer} has no key of the id and algorithm that the token names.`);
}
