import { messageOf, RekeyError } from '@rekey/core';
import type { BreachCase, BreachRecord, GithubAlertPlace } from '../../store/breach-record.ts';
import type { Claim } from '../../store/driver.ts';
import { WHOLE } from '../../store/fingerprint-parts.ts';
import type { Entry } from '../../store/store.ts';
import { HOLDING_KEPT } from '../holders/holding-history.ts';
import { upTo } from '../rotation/rotations.ts';
import { AdminUses } from './admin-uses.ts';
import { auditOfCase } from './breach-audit.ts';
import { newCase } from './breach-case.ts';
import { CaseWork, type CaseWorkParts } from './case-work.ts';

/** Fetches what GitHub says has leaked. @throws RekeyError `unavailable` to try again; anything else is the end of it */
export type FetchLeaked = (place: GithubAlertPlace, signal: AbortSignal) => Promise<string>;

export interface BreachWorkParts extends CaseWorkParts {
  readonly fetchLeaked: FetchLeaked;
}

/** Longer than a look takes, with a login and a fetch that time out in it. Milliseconds. */
const CLAIM_TIME = 60_000;
const FETCH_TIME = 15_000;
const LONGEST_NAP = 1_000;
const SHORTEST_NAP = 100;
/** Breaches worked on side by side, and secrets of one of them. */
const ABREAST = 32;
const CASES_ABREAST = 8;
/** Secrets that one value is followed into; one that stands in more of them is no secret. */
const MOST_CASES = 200;
/** Pauses after a fetch that failed; then it is given up. */
const FETCH_PAUSES = [2_000, 10_000, 60_000, 300_000, 900_000, 3_600_000];
const SWEPT = 200;
/** Reports of what stood nowhere are forgotten after a week, the others after more than a year. */
export const UNMATCHED_KEPT = 7 * 86_400_000;
export const BREACH_KEPT = 400 * 86_400_000;

/** Works on what was reported, on whichever server: finds the secrets, and goes on with each until what leaked is dead. */
export class BreachWork {
  readonly #parts: BreachWorkParts;
  readonly #cases: CaseWork;
  readonly #adminUses: AdminUses;
  #stopped = new AbortController();
  #nap = new AbortController();
  readonly #running = new Map<string, Promise<void>>();
  #loop: Promise<void> = Promise.resolve();
  #lastSweep = 0;

  constructor(parts: BreachWorkParts) {
    this.#parts = parts;
    this.#cases = new CaseWork(parts);
    this.#adminUses = new AdminUses(parts.store);
  }

  start(): void {
    this.#stopped = new AbortController();
    this.#loop = this.#goOn();
  }

  /** What is under way comes to a point where nothing is left in between. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    this.wake();
    await this.#loop;
    await this.#settled();
  }

  /** Something was reported: look at once. */
  wake(): void {
    this.#nap.abort();
  }

  /** Everything whose time has come, to its end; for tests. */
  async pass(): Promise<void> {
    await this.#begin();
    await this.#settled();
    await this.#sweep();
  }

  /** One that takes long (a target that does not answer) keeps no other waiting. */
  async #begin(): Promise<void> {
    const { store, clock } = this.#parts;
    const due = await store.list('breach', { index: 'next', until: upTo(clock.now()), limit: 2 * ABREAST });
    for (const { id } of due) {
      if (this.#running.size >= ABREAST) return;
      if (this.#running.has(id)) continue;
      const work = this.#guarded(() => this.#workOn(id)).finally(() => {
        this.#running.delete(id);
        this.wake();
      });
      this.#running.set(id, work);
    }
  }

  async #settled(): Promise<void> {
    while (this.#running.size > 0) await Promise.all(this.#running.values());
  }

  async #goOn(): Promise<void> {
    const { clock } = this.#parts;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      this.#nap = new AbortController();
      await this.#guarded(() => this.#begin());
      await this.#guarded(() => this.#sweep());
      if (!signal.aborted) await clock.sleep(await this.#pause(), this.#nap.signal);
    }
  }

  /** What another server has in hand is due all the time. */
  async #pause(): Promise<number> {
    const { store, clock } = this.#parts;
    const [next] = await store.list('breach', { index: 'next', limit: 1 }).catch(() => []);
    const nextLookAt = next?.record.nextLookAt ?? Number.POSITIVE_INFINITY;
    return Math.min(LONGEST_NAP, Math.max(SHORTEST_NAP, nextLookAt - clock.now()));
  }

  async #workOn(id: string): Promise<void> {
    const { store, clock, holder } = this.#parts;
    const request = { key: `breach/${id}`, holder, now: clock.now(), milliseconds: CLAIM_TIME };
    const claim = await store.claim(request);
    if (claim === null) return;
    try {
      const entry = await store.get('breach', id);
      if (entry === null || entry.record.nextLookAt === null) return;
      await (entry.record.state === 'looking' ? this.#lookFor(entry, claim) : this.#goOnWith(entry, claim));
    } finally {
      await store.release(claim);
    }
  }

  /** Which secrets hold it. A person's wrong guess and a stranger's are told apart by nothing. */
  async #lookFor(entry: Entry<BreachRecord>, claim: Claim): Promise<void> {
    const { clock, fingerprints } = this.#parts;
    const leaked = await this.#leaked(entry.record);
    if (leaked.fingerprints === null) return this.#keep(entry, leaked, claim);
    const places = await fingerprints.find(leaked.fingerprints);
    const cases = await this.#casesOf(places);
    if (cases.length > 0) await fingerprints.markLeaked(leaked.fingerprints);
    for (const one of cases) await this.#begun(entry.record, one);
    const now = clock.now();
    const trouble = cases.length < MOST_CASES ? null : `More than ${MOST_CASES} secrets hold it; these are the first.`;
    const found = { ...leaked, trouble, cases };
    if (cases.length > 0) return this.#keep(entry, { ...found, state: 'at-work', nextLookAt: now }, claim);
    await this.#keep(entry, { ...found, state: 'done', nextLookAt: null, finishedAt: now }, claim);
  }

  async #casesOf(places: Awaited<ReturnType<CaseWorkParts['fingerprints']['find']>>): Promise<readonly BreachCase[]> {
    const bySecret = Map.groupBy(places, ({ secretId }) => secretId);
    const now = this.#parts.clock.now();
    return Promise.all(
      [...bySecret].slice(0, MOST_CASES).map(async ([id, found]) => {
        const name = (await this.#parts.store.get('secret', id))?.record.name ?? (await this.#lastNameOf(id));
        const versionIds = [...new Set(found.map(({ versionId }) => versionId))];
        return newCase({ id, name }, versionIds, found[0]?.part ?? 'value', now);
      }),
    );
  }

  async #lastNameOf(secretId: string): Promise<string> {
    const [last] = await this.#parts.rotations.history(secretId, 1);
    return last?.secretName ?? 'a secret that was removed';
  }

  /** What GitHub only tells of is fetched; of the value nothing but its hashes is kept. Without them it comes later, or never. */
  async #leaked(record: BreachRecord): Promise<BreachRecord> {
    if (record.fetch === null || record.fingerprints !== null) return record;
    const { clock, fetchLeaked, fingerprints } = this.#parts;
    const attempts = record.attempts + 1;
    try {
      const signal = AbortSignal.any([this.#stopped.signal, AbortSignal.timeout(FETCH_TIME)]);
      const leaked = await fetchLeaked(record.fetch, signal);
      return { ...record, attempts, fingerprints: fingerprints.fingerprintsOf(leaked) };
    } catch (error) {
      const isPassing = error instanceof RekeyError && error.code === 'unavailable';
      const pause = isPassing ? FETCH_PAUSES[record.attempts] : undefined;
      const trouble = error instanceof RekeyError ? messageOf(error) : 'What leaked could not be fetched.';
      const now = clock.now();
      if (pause !== undefined) return { ...record, attempts, trouble, nextLookAt: now + pause };
      return { ...record, attempts, trouble, state: 'done', nextLookAt: null, finishedAt: now };
    }
  }

  async #goOnWith(entry: Entry<BreachRecord>, claim: Claim): Promise<void> {
    const { clock } = this.#parts;
    const now = clock.now();
    const before = await this.#withAdminUses(entry.record.cases);
    const isDue = ({ nextLookAt: at }: BreachCase) => at !== null && at <= now;
    const cases: BreachCase[] = [];
    for (let from = 0; from < before.length; from += CASES_ABREAST) {
      const page = before.slice(from, from + CASES_ABREAST);
      cases.push(...(await Promise.all(page.map((one) => (isDue(one) ? this.#oneLook(entry.record, one) : one)))));
    }
    const open = cases.flatMap(({ nextLookAt }) => nextLookAt ?? []);
    const isDone = open.length === 0;
    const nextLookAt = isDone ? null : Math.min(...open);
    const state = isDone ? 'done' : 'at-work';
    await this.#keep(
      entry,
      { ...entry.record, cases, state, nextLookAt, finishedAt: isDone ? clock.now() : null },
      claim,
    );
  }

  /** Whoever had an admin credential could change the accounts of others: said from the beginning. */
  async #withAdminUses(cases: readonly BreachCase[]): Promise<readonly BreachCase[]> {
    if (cases.every(({ adminOf }) => adminOf !== null)) return cases;
    await this.#markVersions(cases);
    const uses = await this.#adminUses.of(cases.map(({ secretId }) => secretId));
    return cases.map((one) => ({ ...one, adminOf: uses.get(one.secretId) ?? [] }));
  }

  /** Of a secret that was named, the whole value is what leaked. */
  async #markVersions(cases: readonly BreachCase[]): Promise<void> {
    const { fingerprints } = this.#parts;
    for (const { secretId, versionIds } of cases.filter(({ part }) => part === WHOLE))
      for (const versionId of versionIds)
        await fingerprints.markLeaked((await fingerprints.ofVersion(secretId, versionId)).slice(0, 1));
  }

  /** One secret that goes wrong on our side does not keep the others from theirs. */
  async #oneLook(record: BreachRecord, before: BreachCase): Promise<BreachCase> {
    try {
      const after = await this.#cases.goOn(record, before);
      await this.#tell(record, before, after);
      return after;
    } catch (error) {
      this.#complain(error);
      return { ...before, nextLookAt: this.#parts.clock.now() + LONGEST_NAP };
    }
  }

  async #begun(record: BreachRecord, one: BreachCase): Promise<void> {
    const { audit, clock } = this.#parts;
    await audit.append(auditOfCase(record, one, 'rekey:BreachMatched', clock.now()));
  }

  /** Told when it begins, when a person is needed, and when it is over. */
  async #tell(record: BreachRecord, before: BreachCase, after: BreachCase): Promise<void> {
    const { alerts, audit, clock } = this.#parts;
    const { secretId, secretName: name, state, sentence } = after;
    const condition = `breach/${record.id}/${secretId}`;
    const asked = `breach-person/${record.id}/${secretId}`;
    if (state !== 'finished')
      await alerts.raise(condition, {
        secretId,
        text: `A value of ${name} leaked: \`rekey breach show ${record.id}\` says how far it is.`,
      });
    if (state === 'needs-person')
      await alerts.raise(asked, { secretId, text: `A value of ${name} leaked: ${sentence}` });
    else await alerts.resolve(asked);
    if (state !== 'finished' || before.state === 'finished') return;
    await audit.append(auditOfCase(record, after, 'rekey:BreachEnded', clock.now()));
    await alerts.resolve(condition);
  }

  async #keep(entry: Entry<BreachRecord>, record: BreachRecord, claim: Claim): Promise<void> {
    const write = { collection: 'breach', id: entry.id, record, expect: entry.revision } as const;
    await this.#parts.store.commit([write], { fences: [claim] });
  }

  /** A flood of values that stand nowhere must not fill the store. */
  async #sweep(): Promise<void> {
    const { clock } = this.#parts;
    const now = clock.now();
    if (now - this.#lastSweep < 3_600_000) return;
    this.#lastSweep = now;
    await this.#forget('breach', 'unmatched', now - UNMATCHED_KEPT);
    await this.#forget('breach', 'over', now - BREACH_KEPT);
    await this.#forget('holding', 'last', now - HOLDING_KEPT);
  }

  async #forget(collection: 'breach' | 'holding', index: string, until: number): Promise<void> {
    const { store } = this.#parts;
    for (;;) {
      const old = await store.list(collection, { index, until: upTo(until), limit: SWEPT });
      if (old.length > 0) await store.commit(old.map(({ id }) => ({ collection, id, record: null })));
      if (old.length < SWEPT) return;
    }
  }

  async #guarded(work: () => Promise<unknown>): Promise<void> {
    try {
      await work();
    } catch (error) {
      this.#complain(error);
    }
  }

  #complain(error: unknown): void {
    const reason = error instanceof RekeyError ? messageOf(error) : 'unexpected';
    this.#parts.log.error({ reason }, 'Trouble while working on a breach; it is tried again');
  }
}
