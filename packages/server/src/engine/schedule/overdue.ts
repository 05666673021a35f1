import type { Clock, SecretRecord } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { gateCondition } from '../order/gates.ts';
import { ENDED } from '../rotation/rotation-change.ts';
import type { RotationAlerts } from '../rotation/rotation-journal.ts';
import { upTo } from '../rotation/rotations.ts';

/** Secrets looked at in one pass. */
const PAGE = 100;
/** Milliseconds between two looks at whether what stands is over: a value put by hand, a cancel, a deletion end it too. */
const REVIEW_INTERVAL = 30_000;

/** Name of the condition under which being overdue stands as an alert. */
export function overdueCondition(secretId: string): string {
  return `overdue/${secretId}`;
}

/**
 * Notices rotations that did not happen in time, whatever the reason: a target away for days, a person who is needed, a
 * scheduler that stood still. Reads only deadlines that have passed since it last looked.
 */
export class OverdueWatch {
  readonly #store: Store;
  readonly #alerts: RotationAlerts;
  readonly #clock: Clock;
  #reviewedAt = Number.NEGATIVE_INFINITY;
  #seen: { readonly value: string; readonly id: string } | null = null;

  constructor(parts: { readonly store: Store; readonly alerts: RotationAlerts; readonly clock: Clock }) {
    this.#store = parts.store;
    this.#alerts = parts.alerts;
    this.#clock = parts.clock;
  }

  async look(): Promise<void> {
    await this.#raise();
    if (this.#clock.now() - this.#reviewedAt < REVIEW_INTERVAL) return;
    this.#reviewedAt = this.#clock.now();
    await this.#review();
  }

  async #raise(): Promise<void> {
    const passed = await this.#store.list('secret', {
      index: 'deadline',
      until: upTo(this.#clock.now() - 1),
      ...(this.#seen === null ? {} : { after: this.#seen }),
      limit: PAGE,
    });
    for (const { id, record, indexValue } of passed) {
      await this.#alerts.raise(overdueCondition(id), { secretId: id, text: sentence(record) });
      this.#seen = { value: indexValue ?? '', id };
    }
  }

  async #review(): Promise<void> {
    for (const { condition, secretId } of await this.#alerts.standing()) {
      if (secretId === null) continue;
      if (condition === gateCondition(secretId) && !(await this.#waitsAtGate(secretId)))
        await this.#alerts.resolve(condition);
      if (condition !== overdueCondition(secretId)) continue;
      const secret = await this.#store.get('secret', secretId);
      if (!isOverdue(secret?.record ?? null, this.#clock.now())) await this.#alerts.resolve(condition);
    }
  }

  async #waitsAtGate(secretId: string): Promise<boolean> {
    const secret = (await this.#store.get('secret', secretId))?.record ?? null;
    if (secret?.rotation == null || secret.deletedAt !== null) return false;
    const { postponed, activeRotationId } = secret.rotation;
    if (postponed?.by === 'gate') return postponed.trouble === true;
    const active = activeRotationId === null ? null : await this.#store.get('rotation', activeRotationId);
    return active?.record.heldBy === 'gate' && active.record.setStartedAt === null && !ENDED.has(active.record.state);
  }
}

function isOverdue(secret: SecretRecord | null, now: number): boolean {
  const rotation = secret?.deletedAt === null ? secret.rotation : null;
  return rotation?.enabled === true && rotation.deadlineAt !== null && rotation.deadlineAt < now;
}

function sentence({ name, rotation }: SecretRecord): string {
  const deadline = new Date(rotation?.deadlineAt ?? 0).toISOString();
  const held = rotation?.postponed?.sentence;
  const why = held === undefined ? `: see \`rekey status ${name}\` for what it waits for.` : `. ${held}`;
  return `The rotation of ${name} is overdue since ${deadline}${why}`;
}
