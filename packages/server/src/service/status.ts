import { type Caller, CURRENT, type RotationRecord } from '@rekey/core';
import { listPostponed, postponedSentence } from '../engine/order/postponement.ts';
import { isQuarantined } from '../engine/quarantine/quarantine-state.ts';
import { dueReasons } from '../engine/schedule/due.ts';
import { findLabelled } from '../engine/versions.ts';
import type { AlertRecord } from '../store/collections.ts';
import { sortable } from '../store/collections.ts';
import type { ServiceParts } from './parts.ts';
import type { UseCases } from './use-case.ts';

/** The whole server at a glance; each list holds at most {@link MOST_SHOWN}. */
export interface Status {
  readonly quarantined: boolean;
  readonly secrets: number;
  readonly running: readonly RotationRecord[];
  readonly waiting: readonly RotationRecord[];
  /** Promoted; the old value is still valid. */
  readonly retiring: readonly RotationRecord[];
  /** Given up after their target had taken the value: it is revoked there at `nextAttemptAt`. */
  readonly leftover: readonly RotationRecord[];
  readonly blocked: readonly RotationRecord[];
  readonly due: readonly { readonly name: string; readonly plannedAt: number; readonly sentence: string }[];
  /** Secrets whose rotation was due and waits: for the end of a freeze. */
  readonly postponed: readonly { readonly name: string; readonly plannedAt: number; readonly sentence: string }[];
  readonly next: readonly { readonly name: string; readonly plannedAt: number }[];
  /** Secrets whose target refuses what is current. */
  readonly drifted: readonly { readonly name: string; readonly since: number; readonly reason: string }[];
  readonly alerts: readonly AlertRecord[];
  /** How far a change of the store's keys is, in one sentence; null while there is none. */
  readonly keys: string | null;
}

export const MOST_SHOWN = 200;
const SHOWN_NEXT = 10;
const PROMOTED: ReadonlySet<string> = new Set(['promoted', 'retiring']);

/** The use case behind `rekey status`. */
export class StatusCase {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;

  constructor(parts: ServiceParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  get(caller: Caller): Promise<Status> {
    return this.#cases.onName({ caller, action: 'rekey:GetStatus', name: '*' }, () => this.#look());
  }

  /** What was seen of a value that is no longer current is history. */
  async #drifted(): Promise<Status['drifted']> {
    const { store } = this.#parts;
    const listed = await store.list('drift', { index: 'drifted', limit: MOST_SHOWN });
    const rows = listed.map(async ({ record }) => {
      const secret = (await store.get('secret', record.secretId))?.record ?? null;
      const isCurrent = secret?.deletedAt === null && findLabelled(secret, CURRENT)?.id === record.versionId;
      return isCurrent ? [{ name: secret.name, since: record.since, reason: record.reason }] : [];
    });
    return (await Promise.all(rows)).flat();
  }

  async #look(): Promise<Status> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const quarantined = await isQuarantined(store);
    const [secrets, goingOn, blocked, planned, next, alerts, postponed] = await Promise.all([
      store.count('secret'),
      store.list('rotation', { index: 'next', limit: MOST_SHOWN }),
      store.list('rotation', { index: 'blocked', limit: MOST_SHOWN }),
      store.list('secret', { index: 'planned', until: sortable(now + 1), limit: MOST_SHOWN }),
      store.list('secret', { index: 'planned', from: sortable(now + 1), limit: SHOWN_NEXT }),
      store.list('alert', { index: 'since', limit: MOST_SHOWN }),
      listPostponed(store, MOST_SHOWN),
    ]);
    const records = goingOn.map(({ record }) => record);
    const atWork = records.filter(({ leftover }) => leftover === undefined);
    return {
      quarantined,
      secrets,
      running: atWork.filter((record) => !PROMOTED.has(record.state) && record.waitingFor === null),
      waiting: atWork.filter((record) => !PROMOTED.has(record.state) && record.waitingFor !== null),
      retiring: atWork.filter((record) => PROMOTED.has(record.state)),
      leftover: records.filter((record) => record.leftover === 'accepted'),
      blocked: blocked.map(({ record }) => record),
      due: planned.map(({ record }) => {
        const { reasons } = dueReasons(record, { now, quarantined });
        const sentence = reasons.map((reason) => reason.sentence).join(' ');
        return { name: record.name, plannedAt: record.rotation?.plannedAt ?? now, sentence };
      }),
      postponed: postponed.map(({ record }) => ({
        name: record.name,
        plannedAt: record.rotation?.plannedAt ?? now,
        sentence: (record.rotation && postponedSentence(record.rotation)) ?? '',
      })),
      next: next.map(({ record }) => ({ name: record.name, plannedAt: record.rotation?.plannedAt ?? now })),
      drifted: await this.#drifted(),
      alerts: alerts.map(({ record }) => record),
      keys: await this.#keys(),
    };
  }

  /** A store in memory has no keys to tell of. */
  async #keys(): Promise<string | null> {
    const status = await this.#parts.keys.status().catch(() => null);
    return status?.rotation ?? status?.rewrap ?? null;
  }
}
