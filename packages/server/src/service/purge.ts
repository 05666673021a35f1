import type { Clock } from '@rekey/core';
import type { AuditLog } from '../audit/entry.ts';
import type { PeriodicJob } from '../engine/schedule/worker.ts';
import { sortable } from '../store/collections.ts';
import type { Store } from '../store/store.ts';
import { removal } from './deletion.ts';
import type { SecretChanges } from './secret-change.ts';

export interface PurgeParts {
  readonly store: Store;
  readonly changes: SecretChanges;
  readonly audit: AuditLog;
  readonly clock: Pick<Clock, 'now'>;
}

/** How often secrets are looked for whose recovery window has passed; a window is counted in days. Milliseconds. */
const PURGE_INTERVAL = 60_000;
/** Secrets removed in one pass. */
const CHUNK = 100;

/** Removes secrets for good whose recovery window has passed. */
export function purgeJob(parts: PurgeParts): PeriodicJob {
  return { name: 'purge', every: PURGE_INTERVAL, run: () => purge(parts) };
}

async function purge(parts: PurgeParts): Promise<void> {
  const until = sortable(parts.clock.now() + 1);
  const passed = await parts.store.list('secret', { index: 'purge', until, limit: CHUNK });
  for (const { id, record } of passed) await remove(parts, id, record.arn);
}

async function remove({ store, changes, audit, clock }: PurgeParts, secretId: string, arn: string): Promise<void> {
  const removed = await changes.change<boolean>(secretId, (secret) => {
    const isDue = secret.purgeAt !== null && secret.purgeAt <= clock.now();
    return isDue ? removal(store, secret) : { secret, answer: false };
  });
  if (removed) await audit.append({ ...PURGED, time: clock.now(), resource: arn });
}

const PURGED = {
  kind: 'engine',
  action: 'rekey:PurgeSecret',
  principal: 'rekey-engine',
  accessKeyId: null,
  address: null,
  requestId: null,
  versionId: null,
  outcome: 'allowed',
  detail: 'The recovery window has passed.',
} as const;
