import type { RotationRecord, RotationState } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';

/** What a change of state is called in the audit log. */
const ACTIONS: Readonly<Record<RotationState, string>> = {
  due: 'rekey:RotationBegun',
  created: 'rekey:RotationCreated',
  set: 'rekey:RotationSet',
  tested: 'rekey:RotationTested',
  promoted: 'rekey:RotationPromoted',
  retiring: 'rekey:RotationRetiring',
  done: 'rekey:RotationDone',
  blocked: 'rekey:RotationBlocked',
  'rolled-back': 'rekey:RotationRolledBack',
  abandoned: 'rekey:RotationAbandoned',
};

/** Principal of what nobody asked for at that moment. */
export const ENGINE = 'rekey-engine';

/**
 * The audit entry for a change of a rotation's record; null for a change that is none of state nor outcome (an
 * intention, a renewed wait).
 */
export function auditOfChange(before: RotationRecord | null, after: RotationRecord, now: number): AuditEntry | null {
  if (before === null || before.state !== after.state) return entryOf(after, ACTIONS[after.state], now);
  if (after.leftover !== before.leftover) return entryOf(after, 'rekey:LeftoverRevoked', now);
  if (after.number !== before.number) return entryOf(after, 'rekey:RotationNumberRaised', now);
  return after.attempts > before.attempts ? entryOf(after, 'rekey:RotationAttemptFailed', now) : null;
}

/** Corrects an entry whose change was not made after all. */
export function notMade(entry: AuditEntry, now: number, reason: string): AuditEntry {
  return { ...entry, time: now, outcome: 'failed', detail: `Not made: ${reason}` };
}

function entryOf(record: RotationRecord, action: string, now: number): AuditEntry {
  const failed = record.state === 'blocked' || action === 'rekey:RotationAttemptFailed';
  return {
    time: now,
    kind: 'engine',
    action,
    principal: ENGINE,
    accessKeyId: null,
    address: null,
    requestId: record.id,
    resource: record.secretName,
    versionId: record.versionId,
    outcome: failed ? 'failed' : 'allowed',
    detail: detailOf(record),
  };
}

function detailOf(record: RotationRecord): string {
  const facts = [`rotation ${record.number}`, `cause ${record.cause}`, `asked by ${record.askedBy}`];
  const overridden = Object.entries(record.override ?? {}).map(([what, reason]) => `overrides the ${what} (${reason})`);
  facts.push(...overridden);
  const said = record.lastError === null ? record.waitingFor : `${record.lastErrorClass}: ${record.lastError}`;
  return said === null ? facts.join(', ') : `${facts.join(', ')}: ${said}`;
}
