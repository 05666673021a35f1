import { type Clock, formatDuration, type Logger, messageOf } from '@rekey/core';
import type { AuditLog } from '../../audit/entry.ts';
import { type OutboxRecord, sortable } from '../../store/collections.ts';
import type { Claim } from '../../store/driver.ts';
import type { ListedEntry, Store, StoreWrite } from '../../store/store.ts';
import { withDeadline } from '../rotation/deadline.ts';
import { type RetryTable, retryAfter } from '../rotation/retry.ts';
import type { Sender } from './sender.ts';

export interface OutboxParts {
  readonly store: Store;
  readonly senders: readonly Sender[];
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly log: Logger;
  /** Id of this server: of several, one delivers for a sender at a time. */
  readonly holder: string;
}

/** Receivers restart within seconds; one that is away for hours is not to be greeted by a flood of attempts. */
export const OUTBOX_RETRIES: RetryTable = {
  delays: [1_000, 5_000, 15_000, 60_000, 300_000, 900_000, 3_600_000],
  attempts: null,
};
/** A message no receiver took in this time is given up, and that is recorded: long enough for a weekend. Milliseconds. */
export const OUTBOX_AGE = 3 * 86_400_000;
/** One attempt; a receiver that takes longer counts as away. Milliseconds. */
export const SEND_TIME = 10_000;
/** How often the outbox is looked into; an alert is on its way within this time. Milliseconds. */
export const OUTBOX_INTERVAL = 1_000;

const PAGE = 200;
/** Longer than one attempt: it is renewed before each. Milliseconds. */
const CLAIM_TIME = 3 * SEND_TIME;

type Message = ListedEntry<OutboxRecord>;

/**
 * Delivers what the store holds for receivers outside, at least once and for each sender in order. Every sender has a
 * loop of its own, so that a dead receiver holds up its own messages and nothing else.
 */
export class Outbox {
  readonly #parts: OutboxParts;
  readonly #stopped = new AbortController();
  #loops: readonly Promise<void>[] = [];

  constructor(parts: OutboxParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loops = [
      ...this.#parts.senders.map((sender) => this.#loop(() => this.#deliver(sender))),
      this.#loop(() => this.#dropOrphans()),
    ];
  }

  /** Attempts under way are broken off; their messages stay. */
  async stop(): Promise<void> {
    this.#stopped.abort();
    await Promise.all(this.#loops);
  }

  /** One pass over everything that is due. */
  async tick(): Promise<void> {
    await Promise.all([...this.#parts.senders.map((sender) => this.#deliver(sender)), this.#dropOrphans()]);
  }

  async #loop(pass: () => Promise<void>): Promise<void> {
    const { clock, log } = this.#parts;
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await pass().catch((error) => log.error({ reason: messageOf(error) }, 'The outbox could not be read or written'));
      await clock.sleep(OUTBOX_INTERVAL, signal);
    }
  }

  async #deliver(sender: Sender): Promise<void> {
    const { store, clock, holder } = this.#parts;
    if ((await this.#due((name) => name === sender.name, 1)).length === 0) return;
    const claim = await store.claim({
      key: `outbox/${sender.name}`,
      holder,
      now: clock.now(),
      milliseconds: CLAIM_TIME,
    });
    if (claim === null) return;
    try {
      await this.#deliverClaimed(sender, claim);
    } finally {
      await store.release(claim);
    }
  }

  async #deliverClaimed(sender: Sender, claim: Claim): Promise<void> {
    const { store, clock } = this.#parts;
    for (;;) {
      const messages = await this.#due((name) => name === sender.name, PAGE);
      if (messages.length === 0) return;
      for (const [index, message] of messages.entries()) {
        const held = await store.renew(claim, { now: clock.now(), milliseconds: CLAIM_TIME });
        if (held === null || this.#stopped.signal.aborted) return;
        const failure = await this.#attempt(sender, message);
        if (failure !== null) return this.#postpone(messages.slice(index), failure, held);
        await store.commit([removal(message)], { fences: [held] });
      }
    }
  }

  /** The sentence of what went wrong; null if the receiver took it. */
  async #attempt(sender: Sender, { record }: Message): Promise<string | null> {
    const what = `Sending an alert by ${sender.name}`;
    try {
      await withDeadline(this.#parts.clock, { milliseconds: SEND_TIME, signal: this.#stopped.signal, what }, (signal) =>
        sender.send(record.payload, signal),
      );
      return null;
    } catch (error) {
      return messageOf(error);
    }
  }

  /** The first of them failed; those behind it wait as long, so that order holds and nobody waits behind them. */
  async #postpone(messages: readonly Message[], failure: string, claim: Claim): Promise<void> {
    const { store, clock, log } = this.#parts;
    const now = clock.now();
    const [failed] = messages;
    if (failed === undefined || this.#stopped.signal.aborted) return;
    const attempts = failed.record.attempts + 1;
    const verdict = retryAfter(OUTBOX_RETRIES, attempts);
    const nextAttemptAt = now + (verdict.retry === 'after' ? verdict.milliseconds : OUTBOX_AGE);
    const over = messages.filter(({ record }) => isOverAge(record, now));
    for (const message of over) await this.#recordGivenUp(message, failure);
    const writes: StoreWrite[] = messages.map((message) => {
      if (over.includes(message)) return removal(message);
      const tried = message === failed ? { attempts, lastError: failure } : {};
      return {
        collection: 'outbox',
        id: message.id,
        record: { ...message.record, ...tried, nextAttemptAt },
        expect: message.revision,
      };
    });
    await store.commit(writes, { fences: [claim] });
    log.warn(
      { sender: failed.record.sender, attempts },
      `An alert could not be sent and will be tried again: ${failure}`,
    );
  }

  /** Messages whose sender is no longer configured wait for it to come back, and are given up like any other. */
  async #dropOrphans(): Promise<void> {
    const { store, senders, clock } = this.#parts;
    const known = new Set(senders.map(({ name }) => name));
    const orphans = await this.#due((name) => !known.has(name), PAGE);
    const now = clock.now();
    for (const orphan of orphans) {
      const over = isOverAge(orphan.record, now);
      if (over) await this.#recordGivenUp(orphan, 'no such sender is configured');
      const later = { ...orphan.record, nextAttemptAt: now + 3_600_000, lastError: 'no such sender is configured' };
      const write: StoreWrite = { collection: 'outbox', id: orphan.id, record: later, expect: orphan.revision };
      await store.commit([over ? removal(orphan) : write]).catch(ignoreConflict);
    }
  }

  async #recordGivenUp({ id, record }: Message, failure: string): Promise<void> {
    const { audit, clock, log } = this.#parts;
    const detail = `Given up after ${formatDuration(OUTBOX_AGE)} and ${record.attempts} attempts by ${record.sender}: ${failure}`;
    await audit.append({
      time: clock.now(),
      kind: 'server',
      action: 'rekey:AlertGivenUp',
      principal: 'rekey-engine',
      accessKeyId: null,
      address: null,
      requestId: id,
      resource: typeof record.payload.secret === 'string' ? record.payload.secret : null,
      versionId: null,
      outcome: 'failed',
      detail,
    });
    log.error({ message: id, sender: record.sender }, detail);
  }

  /** Due messages of the senders asked for, oldest attempt first. */
  async #due(wanted: (sender: string) => boolean, limit: number): Promise<readonly Message[]> {
    const until = sortable(this.#parts.clock.now() + 1);
    const found: Message[] = [];
    let after: { value: string; id: string } | null = null;
    for (;;) {
      const query = { index: 'next', until, limit: PAGE, ...(after === null ? {} : { after }) };
      const page: readonly Message[] = await this.#parts.store.list('outbox', query);
      found.push(...page.filter(({ record }) => wanted(record.sender)));
      const last = page.at(-1);
      if (found.length >= limit || page.length < PAGE || last === undefined) return found.slice(0, limit);
      after = { value: last.indexValue ?? '', id: last.id };
    }
  }
}

function isOverAge(record: OutboxRecord, now: number): boolean {
  return now - record.createdAt >= OUTBOX_AGE;
}

function removal(message: Message): StoreWrite {
  return { collection: 'outbox', id: message.id, record: null, expect: message.revision };
}

function ignoreConflict(error: unknown): void {
  if ((error as { code?: string }).code !== 'conflict') throw error;
}
