import type { RotationRecord, SecretRotation } from '@rekey/core';

/** What the native face answers about a secret's rotation, as far as it is needed here. */
export interface RotationStatus {
  readonly rotation: SecretRotation | null;
  readonly active: RotationRecord | null;
  readonly queued: RotationRecord | null;
  readonly recent: readonly RotationRecord[];
}

/** Hours of rotations every few seconds; older ones no longer count in the figures. */
const REMEMBERED = 2_000;

const ENDED: ReadonlySet<string> = new Set(['done', 'rolled-back', 'abandoned']);

/** Everything seen of the rotations so far, newest state of each. */
export class RotationWatch {
  readonly #records = new Map<string, RotationRecord>();
  #plannedAt: number | null = null;

  /** Takes in an answer; gives the rotations that are in another state than at the last look. */
  note(status: RotationStatus): RotationRecord[] {
    this.#plannedAt = status.rotation?.plannedAt ?? null;
    const seen = [...status.recent, status.queued, status.active].filter((record) => record !== null);
    const moved = new Map<string, RotationRecord>();
    for (const record of seen) {
      if (this.#records.get(record.id)?.state !== record.state) moved.set(record.id, record);
      this.#records.set(record.id, record);
    }
    for (const id of this.#records.keys()) if (this.#records.size > REMEMBERED) this.#records.delete(id);
    return [...moved.values()].sort((a, b) => a.number - b.number);
  }

  /** From now on only ended rotations and the given ones count: what began after the time was over is not waited for. */
  stopCounting(ids: readonly string[]): void {
    for (const record of this.unfinished) if (!ids.includes(record.id)) this.#records.delete(record.id);
  }

  /** In order of their numbers. */
  get records(): readonly RotationRecord[] {
    return [...this.#records.values()].sort((a, b) => a.number - b.number);
  }

  get finished(): readonly RotationRecord[] {
    return this.records.filter((record) => record.state === 'done');
  }

  get unfinished(): readonly RotationRecord[] {
    return this.records.filter((record) => record.state !== 'done');
  }

  /** Those that ended in any other way than done. */
  get failed(): readonly RotationRecord[] {
    return this.unfinished.filter(({ state }) => state === 'blocked' || ENDED.has(state));
  }

  /** The one at work; null while none is. */
  get running(): RotationRecord | null {
    return this.records.findLast((record) => !ENDED.has(record.state) && record.startedAt !== null) ?? null;
  }

  get plannedAt(): number | null {
    return this.#plannedAt;
  }
}

/** One line about where a rotation stands. */
export function describeRotation(record: RotationRecord, now: number): string {
  if (record.state === 'retiring' && record.retireAt !== null && record.retireAt > now && record.doing === null)
    return `#${record.number} retiring: old password ends in ${Math.ceil((record.retireAt - now) / 1000)} s`;
  if (record.waitingFor !== null) return `#${record.number} ${record.state}: ${record.waitingFor}`;
  if (record.lastError !== null && record.state !== 'done')
    return `#${record.number} ${record.state}: ${record.lastError}`;
  return `#${record.number} ${record.state}${record.doing === null ? '' : `, doing ${record.doing.step}`}`;
}
