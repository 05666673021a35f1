import type { AuditEntry } from '../../audit/entry.ts';
import type { BreachCase, BreachRecord } from '../../store/breach-record.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';

/** What goes on record about one secret of a breach. */
export function auditOfCase(
  { id, source, askedBy }: Pick<BreachRecord, 'id' | 'source' | 'askedBy'>,
  one: BreachCase,
  action: 'rekey:BreachMatched' | 'rekey:BreachEnded',
  now: number,
): AuditEntry {
  const facts = [`breach ${id}`, `by ${source}`, `asked by ${askedBy}`, `part ${one.part}`];
  const end = one.outcome === null ? '' : `: ${one.outcome}: ${one.sentence}`;
  return {
    time: now,
    kind: 'engine',
    action,
    principal: ENGINE,
    accessKeyId: null,
    address: null,
    requestId: id,
    resource: one.secretName,
    versionId: one.versionIds.at(-1) ?? null,
    outcome: 'allowed',
    detail: `${facts.join(', ')}${end}`,
  };
}
