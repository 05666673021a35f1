import { type Clock, formatDuration, RekeyError } from '@rekey/core';
import type { LoginRecord } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import { type BoundaryHook, crossing } from '../boundary.ts';
import { afterLogin, afterRestore, type LoginLimit, type LoginOutcome, spentUntil, withLogin } from './login-count.ts';
import { restoredAt } from './restored-at.ts';

export interface LoginBudgetParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly limit: LoginLimit;
  /** Logins beyond the limit, for who must look when it may be spent; 0 if left out. */
  readonly further?: number;
  readonly boundary?: BoundaryHook;
}

/** A login that may be made, and under which moment it is counted until it is known when its target judged it. */
export interface LoginCharge {
  readonly account: string;
  readonly at: number;
}

/**
 * Share of the window after which a login is judged at the latest, two minutes of ten: half of it until it is made, for
 * which a server may stand still, half until it is given up. One that nobody hears of again is counted from then.
 */
const JUDGED_WITHIN = 1 / 5;

export type Charged = { readonly charge: LoginCharge } | { readonly spentUntil: number };

/** A login that may be made once the write is committed. */
export interface ChargeToCommit {
  readonly charge: LoginCharge;
  readonly write: StoreWrite;
}

/** Several servers may look at one account at the same time. */
const ATTEMPTS = 20;

/**
 * Keeps the fresh logins that rekey causes below the limit at which a target locks an account.
 *
 * A login of which it is not known that it will be accepted is counted, durably, *before* it is made, and given back or
 * forgotten when the target has answered (see {@link afterLogin}). So a server that dies in the middle of its logins,
 * again and again, stays within the budget as well; the price is two small writes for each such login (in commits of
 * their own, or along with what a rotation records anyway), and that a crash costs a login that may never have been made. Logins through which the admin credential changes something are
 * all but always accepted and come with every rotation: they are counted only once they were refused.
 *
 * Accounts are kept under an opaque key: of the account itself where the rotation function can name it (several secrets
 * may hold it), else of the secret.
 */
export class LoginBudget {
  readonly limit: LoginLimit;
  readonly #parts: LoginBudgetParts;
  #restored: Promise<number | null> | null = null;
  /** Whether some of what is counted is only assumed. */
  #assumes = false;
  #waits = 0;

  constructor(parts: LoginBudgetParts) {
    const { limit, further = 0 } = parts;
    this.limit = { ...limit, logins: limit.logins + further };
    this.#parts = parts;
  }

  /** Logins that this server put off because the budget of their account was spent. */
  get waits(): number {
    return this.#waits;
  }

  /**
   * Counts a login that is about to be made, unless the budget is spent.
   *
   * @param further logins beyond the limit
   */
  async charge(account: string, further = 0): Promise<Charged> {
    for (;;) {
      const charged = await this.#charge(account, further);
      if ('spentUntil' in charged || !this.isStale(charged.charge)) return charged;
    }
  }

  /** Whoever was paused since a login was counted would make it when it no longer counts. */
  isStale({ at }: LoginCharge): boolean {
    return this.#parts.clock.now() > at - this.#judgedWithin / 2;
  }

  get #judgedWithin(): number {
    return this.limit.window * JUDGED_WITHIN;
  }

  async #charge(account: string, further: number): Promise<Charged> {
    const { clock } = this.#parts;
    const limit = { ...this.limit, logins: this.limit.logins + further };
    let answer: Charged = { spentUntil: 0 };
    await this.#change(account, (record) => {
      const now = clock.now();
      const until = spentUntil(record, limit, now);
      const at = now + this.#judgedWithin;
      answer = until === null ? { charge: { account, at } } : { spentUntil: until };
      return until === null ? withLogin(record, this.limit, now, at) : record;
    });
    if ('spentUntil' in answer) this.#waits += 1;
    return answer;
  }

  /**
   * As {@link charge}, by a write for somebody else's commit; to be asked again where that meets a conflict.
   *
   * @returns null where the budget is spent
   */
  async charging(account: string): Promise<ChargeToCommit | null> {
    const now = this.#parts.clock.now();
    const at = now + this.#judgedWithin;
    const id = keyOf(this.#parts.store, account);
    const entry = await this.#parts.store.get('login', id);
    const known = await this.#known(entry?.record ?? null);
    if (spentUntil(known, this.limit, now) !== null) return null;
    const record = withLogin(known, this.limit, now, at);
    return { charge: { account, at }, write: loginWrite(id, entry, record) };
  }

  /** As {@link settle}, by writes for somebody else's commit; to be asked again where that meets a conflict. */
  async settling({ account, at }: LoginCharge, outcome: LoginOutcome): Promise<readonly StoreWrite[]> {
    if (outcome === 'unanswered') return [];
    const id = keyOf(this.#parts.store, account);
    const entry = await this.#parts.store.get('login', id);
    const known = await this.#known(entry?.record ?? null);
    const record = afterLogin(known, at, outcome, this.limit, this.#parts.clock.now());
    return record === (entry?.record ?? null) ? [] : [loginWrite(id, entry, record)];
  }

  /** Notes what a counted login came to. */
  async settle({ account, at }: LoginCharge, outcome: LoginOutcome): Promise<void> {
    if (outcome === 'unanswered') return;
    await this.#change(account, (record) => afterLogin(record, at, outcome, this.limit, this.#parts.clock.now()));
  }

  /** Counts a login after it was refused, or forgets those before it because it was accepted. */
  async note(account: string, outcome: 'accepted' | 'refused'): Promise<void> {
    const at = this.#parts.clock.now();
    await this.#change(account, (record) =>
      outcome === 'accepted' ? afterLogin(record, at, outcome, this.limit) : withLogin(record, this.limit, at),
    );
  }

  /** When a login is allowed again; null for at once. */
  async spentUntil(account: string): Promise<number | null> {
    const { store, clock } = this.#parts;
    const entry = await store.get('login', keyOf(store, account));
    const until = spentUntil(await this.#known(entry?.record ?? null), this.limit, clock.now());
    if (until !== null) this.#waits += 1;
    return until;
  }

  /** Why nobody logs in before that moment. */
  sentence(until: number): string {
    const { logins, window } = this.limit;
    const assumed = this.#assumes ? ', those counted that the lost store may have made,' : '';
    return `Waits until ${new Date(until).toISOString()} before it logs in again: ${logins} logins of this credential${assumed} were refused or went unanswered within ${formatDuration(window)}, and another might make its target lock it.`;
  }

  async #change(account: string, change: (record: LoginRecord | null) => LoginRecord | null): Promise<void> {
    const { store } = this.#parts;
    const id = keyOf(store, account);
    for (let attempt = 1; ; attempt += 1) {
      const entry = await store.get('login', id);
      const record = change(await this.#known(entry?.record ?? null));
      if (record === (entry?.record ?? null)) return;
      try {
        return await this.#commit(id, entry, record);
      } catch (error) {
        if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
      }
    }
  }

  /** For as long as it matters: what a lost store may have counted, and this one does not know. */
  async #known(record: LoginRecord | null): Promise<LoginRecord | null> {
    const { store, clock, limit } = this.#parts;
    this.#restored ??= restoredAt(store);
    const since = await this.#restored;
    this.#assumes = since !== null && since + limit.window > clock.now();
    return since !== null && this.#assumes ? afterRestore(record, limit, since) : forgetting(record);
  }

  async #commit(id: string, before: Entry<LoginRecord> | null, record: LoginRecord | null): Promise<void> {
    const { store, boundary } = this.#parts;
    await crossing(boundary, 'login', () => store.commit([loginWrite(id, before, record)]));
  }
}

function loginWrite(id: string, before: Entry<LoginRecord> | null, record: LoginRecord | null): StoreWrite {
  return { collection: 'login', id, record, expect: before?.revision ?? 0 };
}

function forgetting(record: LoginRecord | null): LoginRecord | null {
  return record?.since === undefined ? record : { countedAt: record.countedAt };
}

function keyOf(store: Store, account: string): string {
  return store.opaque('login', account);
}
