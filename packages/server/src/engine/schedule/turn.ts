import type { RotationRecord } from '@rekey/core';
import { sortable } from '../../store/collections.ts';
import type { Store } from '../../store/store.ts';
import { urgencyOf } from '../../store/turn-index.ts';

/**
 * Who goes first when places are scarce. 1: a value leaked, or a target was told of one that is not in use yet, so that
 * applications may be refused. 2: somebody waits for it (a repair, a way back, a rotation asked for). 3: overdue. 4:
 * begun before, and goes on. 5: due. 6: a test of what is current, which changes nothing.
 */
export type Rank = 1 | 2 | 3 | 4 | 5 | 6;

export function rankOf(record: RotationRecord, now: number): Rank {
  const urgency = urgencyOf(record);
  if (urgency !== null) return urgency;
  if (record.cause === 'adopt') return 6;
  if (record.dueBy != null && record.dueBy < now && record.promotedAt === null) return 3;
  return record.startedAt === null ? 5 : 4;
}

/**
 * In the order of their turns, each once: by rank, then by deadline, then by how long they have been waiting. What is in
 * the way of another rotation of the same secret goes before it, in its rank. Pure.
 */
export function byTurn(records: readonly RotationRecord[], now: number): readonly RotationRecord[] {
  const once = [...new Map(records.map((record) => [record.id, record])).values()];
  const first = new Map<string, Turn>();
  for (const record of once) {
    const turn = turnOf(record, now);
    const known = first.get(record.secretId);
    if (known === undefined || compare(turn, known) < 0) first.set(record.secretId, turn);
  }
  const turns = once.map((record) => {
    const own = turnOf(record, now);
    const turn = record.promotedAt === null ? own : (first.get(record.secretId) ?? own);
    return { record, turn: [...turn, record.number] };
  });
  return turns.sort((one, other) => compare(one.turn, other.turn)).map(({ record }) => record);
}

/** Rank, deadline, moment: compared in this order. */
type Turn = readonly number[];

/** What is promoted has met its deadline. */
function turnOf(record: RotationRecord, now: number): Turn {
  const { promotedAt, dueBy, nextAttemptAt } = record;
  return [rankOf(record, now), promotedAt === null ? (dueBy ?? LAST) : LAST, nextAttemptAt ?? LAST];
}

function compare(one: Turn, other: Turn): number {
  return one.map((part, index) => part - (other[index] ?? 0)).find((difference) => difference !== 0) ?? 0;
}

const LAST = Number.MAX_SAFE_INTEGER;

/** What is ready to go on now and goes before the rest of a long queue. */
export async function listFirst(store: Store, now: number, limit: number): Promise<readonly RotationRecord[]> {
  const [urgent, asked, earliest] = await Promise.all([
    listUrgent(store, 1, now, limit),
    listUrgent(store, 2, now, limit),
    store.list('rotation', { index: 'deadline', limit }),
  ]);
  const ready = earliest.map(({ record }) => record).filter(({ nextAttemptAt }) => (nextAttemptAt ?? LAST) <= now);
  return [...urgent, ...asked, ...ready];
}

/** What is urgent and ready to go on, the longest waiting first. */
export async function listUrgent(
  store: Store,
  urgency: 1 | 2,
  now: number,
  limit: number,
): Promise<readonly RotationRecord[]> {
  const listed = await store.list('rotation', {
    index: 'urgent',
    from: `${urgency}/`,
    until: `${urgency}/${sortable(now + 1)}`,
    limit,
  });
  return listed.map(({ record }) => record);
}
