import { type Clock, type RandomSource, RekeyError, type RotationRecord } from '@rekey/core';
import { type AlertRecord, sortable } from '../../store/collections.ts';
import type { Entry, ListedEntry, Store, StoreWrite } from '../../store/store.ts';
import { type AlertDecision, type AlertKind, type AlertSubject, alertsFor, subjectOf } from './alert-decision.ts';

/** An alert as receivers get it, by webhook as JSON. Never a value: names, ids and sentences only. */
export interface AlertMessage {
  /** The same when the message is delivered twice. */
  readonly id: string;
  readonly kind: AlertKind;
  /** Key of what stands; the message that ends it carries the same. */
  readonly condition: string;
  /** Name of the secret; null where it concerns the server. */
  readonly secret: string | null;
  readonly rotationId: string | null;
  readonly rotationNumber: number | null;
  readonly step: AlertSubject['step'];
  readonly errorClass: AlertSubject['errorClass'];
  /** One sentence that says what to do. */
  readonly text: string;
  /** When the condition began; ISO 8601. */
  readonly since: string;
  readonly at: string;
}

export interface AlertsParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
  /** Names of the senders each message goes to. */
  readonly senders: readonly string[];
}

type Content = Omit<AlertMessage, 'id' | 'at' | 'since'> & { readonly since: number };

const NO_SUBJECT = { rotationId: null, rotationNumber: null, step: null, errorClass: null };

/**
 * Tells people, through the outbox: each condition once when it begins and once when it is over, whatever the number
 * of servers and restarts in between, because what stands is in the store.
 */
export class Alerts {
  readonly #parts: AlertsParts;

  constructor(parts: AlertsParts) {
    this.#parts = parts;
  }

  /**
   * What a change of a rotation's record says, to be committed together with the record: an alert is sent if and only
   * if what it tells of happened.
   */
  async writesFor(before: RotationRecord | null, after: RotationRecord): Promise<readonly StoreWrite[]> {
    const writes: StoreWrite[] = [];
    let told = false;
    for (const decision of alertsFor(before, after)) {
      const standing = await this.#find(decision.condition);
      const change = this.#apply(decision, after, standing, told);
      told ||= change.told;
      writes.push(...change.writes);
    }
    return writes;
  }

  /** Begins a condition; if it stands already nothing happens, so that a caller may say it as often as it looks. */
  async raise(condition: string, alert: { readonly secretId: string | null; readonly text: string }): Promise<void> {
    if ((await this.#find(condition)) !== null) return;
    const since = this.#parts.clock.now();
    const secret = await this.#nameOf(alert.secretId);
    const { secretId, text } = alert;
    await this.#commit([
      this.#standing(condition, { condition, secretId, since, text }, 0),
      ...this.#messages({ ...NO_SUBJECT, kind: 'condition-raised', condition, secret, text, since }),
    ]);
  }

  /** Ends a condition; if it does not stand nothing happens. */
  async resolve(condition: string): Promise<void> {
    const standing = await this.#find(condition);
    if (standing === null) return;
    const { secretId, since, text } = standing.record;
    const secret = await this.#nameOf(secretId);
    await this.#commit([
      this.#standing(condition, null, standing.revision),
      ...this.#messages({ ...NO_SUBJECT, kind: 'condition-resolved', condition, secret, text: `Over: ${text}`, since }),
    ]);
  }

  /** What stands now, oldest first. */
  async standing(limit = 1_000): Promise<readonly AlertRecord[]> {
    const entries: readonly ListedEntry<AlertRecord>[] = await this.#parts.store.list('alert', {
      index: 'since',
      limit,
    });
    return entries.map(({ record }) => record);
  }

  #apply(
    { condition, becomes, text, kind, always }: AlertDecision,
    rotation: RotationRecord,
    standing: Entry<AlertRecord> | null,
    told: boolean,
  ): { readonly writes: readonly StoreWrite[]; readonly told: boolean } {
    const changes = (becomes === 'standing') === (standing === null);
    const since = standing?.record.since ?? this.#parts.clock.now();
    const record = becomes === 'standing' ? { condition, secretId: rotation.secretId, since, text } : null;
    const moved = changes ? [this.#standing(condition, record)] : [];
    if (kind === null || told || !(changes || always)) return { writes: moved, told: false };
    const content = { ...subjectOf(rotation), kind, condition, secret: rotation.secretName, text, since };
    return { writes: [...moved, ...this.#messages(content)], told: true };
  }

  #messages(content: Content): readonly StoreWrite[] {
    const now = this.#parts.clock.now();
    return this.#parts.senders.map((sender): StoreWrite => {
      const id = `${sortable(now)}-${Buffer.from(this.#parts.random.bytes(9)).toString('base64url')}`;
      const payload = { ...content, id, since: iso(content.since), at: iso(now) };
      const record = { id, sender, payload, createdAt: now, attempts: 0, nextAttemptAt: now, lastError: null };
      return { collection: 'outbox', id, record, expect: 0 };
    });
  }

  #find(condition: string): Promise<Entry<AlertRecord> | null> {
    return this.#parts.store.get('alert', this.#key(condition));
  }

  #standing(condition: string, record: AlertRecord | null, expect?: number): StoreWrite {
    return { collection: 'alert', id: this.#key(condition), record, ...(expect === undefined ? {} : { expect }) };
  }

  #key(condition: string): string {
    return this.#parts.store.opaque('alert', condition);
  }

  async #nameOf(secretId: string | null): Promise<string | null> {
    return secretId === null ? null : ((await this.#parts.store.get('secret', secretId))?.record.name ?? null);
  }

  /** Another server said it first: then it is said. */
  async #commit(writes: readonly StoreWrite[]): Promise<void> {
    try {
      await this.#parts.store.commit(writes);
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code !== 'conflict') throw error;
    }
  }
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
