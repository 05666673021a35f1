import type { RotationRecord, SecretRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import type { HeldBack } from '../target/login.ts';
import { hasGivenValue } from './cause.ts';
import type { Decision } from './decision.ts';
import type { HeldSecret } from './held-secrets.ts';
import type { Further, Written } from './rotating.ts';
import { blocked, ended, inSwitchWindow, waiting } from './rotation-change.ts';
import { ending, successorOf } from './rotation-end.ts';
import type { RunnerParts, Work } from './work.ts';

/** Ends a rotation: its record, and what its end changes on the secret, in one commit. */
export async function end(
  parts: RunnerParts,
  entry: Entry<RotationRecord>,
  secret: SecretRecord | null,
  record: RotationRecord,
  held: HeldSecret,
  further?: Further,
): Promise<Written> {
  const { journal, store, clock } = parts;
  if (secret === null) return journal.write('end', entry, record, held, further);
  return journal.writeWithSecret(
    'end',
    entry,
    async (latest) => {
      const successor = successorOf(latest, entry.id);
      const queued = successor === null ? null : await store.get('rotation', successor);
      return ending(record, latest, queued, clock.now());
    },
    held,
    further,
  );
}

/** What was asked for a value that is there waits for nobody, unless applications are locked out: it ends. */
export function block(
  parts: RunnerParts,
  entry: Entry<RotationRecord>,
  secret: SecretRecord | null,
  why: string,
  held: HeldSecret,
): Promise<Written> {
  const { journal, clock } = parts;
  if (!mayEnd(entry.record)) return journal.write('block', entry, blocked(entry.record, why), held);
  return end(parts, entry, secret, ended(entry.record, 'rolled-back', clock.now(), why), held);
}

/** The budget of logins is spent. A test that was only meant is not one that was cut short. */
export function holdBack({ entry, held, parts }: Work, { heldBackUntil }: HeldBack): Promise<Written> {
  const { doing } = entry.record;
  const record = { ...entry.record, doing: doing?.step === 'test' ? null : doing };
  const waits = waiting(record, heldBackUntil, parts.budget.sentence(heldBackUntil));
  return parts.journal.write('wait', entry, waits, held);
}

/** A rotation of a value that was there before may be given up where *current* is accepted without it. */
export function mayEnd(record: RotationRecord): boolean {
  return hasGivenValue(record) && record.promotedAt === null && !inSwitchWindow(record);
}

export function endedBy(record: RotationRecord, { state, why }: Decision & { do: 'end' }, now: number): RotationRecord {
  return ended(record, state, now, why);
}
