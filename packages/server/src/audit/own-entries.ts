import type { AuditEntry } from './entry.ts';

/** Actions of the entries that the audit log makes itself. */
export const TORN_LINE = 'rekey:AuditTornLine';
export const BROKEN_CHAIN = 'rekey:AuditBrokenChain';
export const FLOOD = 'rekey:AuditFlood';

/** An entry about the log itself. */
export function ownEntry(time: number, action: string, detail: string, address: string | null = null): AuditEntry {
  const nobody = { accessKeyId: null, requestId: null, resource: null, versionId: null };
  return { time, kind: 'server', action, principal: 'rekey', ...nobody, address, outcome: 'failed', detail };
}
