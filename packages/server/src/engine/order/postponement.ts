import { type SecretRecord, type SecretRotation, shortestInterval, spread } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';
import type { Entry, ListedEntry, Store } from '../../store/store.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';
import type { JournalParts, RotationAlerts } from '../rotation/rotation-journal.ts';
import { gateCondition } from './gates.ts';
import type { Hold } from './hold.ts';

const HOUR = 3_600_000;

/**
 * The rotation planned anew for when a hold is over: nothing is begun meanwhile, so that the secret is free for a
 * repair or a value put by hand. Those that a freeze held do not come at its last moment all at once: they are spread
 * over an hour (a gate: five minutes), or a tenth of a shorter interval. A deadline that a freeze covers, or that a secret
 * with unknown holders lets pass, moves with the plan; one that had
 * passed before, and one that a gate lets pass, stays what it was. Pure.
 */
export function postponed(rotation: SecretRotation, secretId: string, hold: Hold, now: number): SecretRotation {
  const { rule, plannedAt, deadlineAt } = rotation;
  const spreadOver = Math.min(
    hold.by === 'freeze' ? HOUR : HOUR / 12,
    Math.floor((shortestInterval(rule) ?? HOUR) / 10),
  );
  const again = spread({ opensAt: hold.until, closesAt: hold.until + spreadOver, spreadOver }, secretId);
  const patience = Math.max(0, (deadlineAt ?? 0) - (plannedAt ?? 0));
  const moves = deadlineAt !== null && deadlineAt >= now && hold.by !== 'gate';
  const first = rotation.postponed ?? { plannedAt: plannedAt ?? now, deadlineAt };
  return {
    ...rotation,
    plannedAt: again,
    deadlineAt: moves ? Math.max(deadlineAt, again + patience) : deadlineAt,
    postponed: {
      by: hold.by,
      sentence: hold.sentence,
      trouble: hold.trouble ?? false,
      plannedAt: first.plannedAt,
      deadlineAt: first.deadlineAt,
    },
  };
}

/** Keeps a postponed plan; the first time it is on record. @throws RekeyError `conflict` */
export async function postpone(
  { store, audit, clock, alerts }: Pick<JournalParts, 'store' | 'audit' | 'clock' | 'alerts'>,
  { id, record, revision }: Entry<SecretRecord>,
  hold: Hold,
): Promise<void> {
  if (record.rotation === null) return;
  const now = clock.now();
  if (record.rotation.postponed == null) await audit.append(auditOf(record, hold, now));
  const rotation = postponed(record.rotation, id, hold, now);
  await store.commit([{ collection: 'secret', id, record: { ...record, rotation }, expect: revision }]);
  await tellTrouble(alerts, record, hold);
}

/** A gate that opens by nothing but somebody's doing is told of, once. */
export async function tellTrouble(
  alerts: Pick<RotationAlerts, 'raise'>,
  { id, name }: Pick<SecretRecord, 'id' | 'name'>,
  { sentence, trouble }: Pick<Hold, 'sentence' | 'trouble'>,
): Promise<void> {
  if (trouble === true)
    await alerts.raise(gateCondition(id), { secretId: id, text: `${name} is not rotated. ${sentence}` });
}

function auditOf({ name }: SecretRecord, { sentence }: Hold, time: number): AuditEntry {
  return {
    time,
    kind: 'engine',
    action: 'rekey:RotationPostponed',
    principal: ENGINE,
    accessKeyId: null,
    address: null,
    requestId: null,
    resource: name,
    versionId: null,
    outcome: 'allowed',
    detail: sentence,
  };
}

/** The secret of a rotation that had begun to wait for its turn when a freeze came: it has an hour after the freeze. Pure. */
export function withDeadlineAfter(secret: SecretRecord, until: number, now: number): SecretRecord {
  const { rotation } = secret;
  if (rotation?.deadlineAt == null || rotation.deadlineAt < now || rotation.deadlineAt >= until + HOUR) return secret;
  return { ...secret, rotation: { ...rotation, deadlineAt: until + HOUR } };
}

/** What a person reads of a secret whose rotation is postponed. */
export function postponedSentence({ plannedAt, postponed: held }: SecretRotation): string | null {
  if (held == null || plannedAt === null) return null;
  const begins = `it begins at ${new Date(plannedAt).toISOString()}`;
  return `It was due at ${new Date(held.plannedAt).toISOString()} and waits: ${held.sentence} Unless that ends sooner, ${begins}.`;
}

/** Secrets whose rotation is postponed, by when it is to begin. */
export function listPostponed(
  store: Store,
  limit: number,
  after: { readonly value: string; readonly id: string } | null = null,
): Promise<readonly ListedEntry<SecretRecord>[]> {
  return store.list('secret', { index: 'postponed', limit, ...(after === null ? {} : { after }) });
}
