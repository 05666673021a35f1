import { CURRENT, DEFAULT_ROTATION_SETTINGS, type SecretRecord } from '@rekey/core';
import type { StoreWrite } from '../../store/store.ts';
import { planned } from '../schedule/plan-next.ts';
import { addVersion } from '../versions.ts';
import { SimulatedDisk, type Snapshot } from './disk.testing.ts';
import type { History } from './history.testing.ts';
import { handedOver, plainWrites, written } from './plain-keyring.testing.ts';
import { ADMIN_PASSWORD, FIRST_PASSWORD } from './target.testing.ts';

/** When every history begins. */
export const BEGINNING = Date.UTC(2030, 0, 1);
/** The secret that is rotated. */
export const SECRET = 'secret-app';
const INTERVAL = 2 * 3_600_000;
/** Where somebody may hold the old value: soon, since each look until then costs a step. Milliseconds. */
const DEADLINE = 3_600_000;

const beginnings = new Map<string, Snapshot>();

/** What stands on the disk at first: the same for all histories of a kind, and never changed. */
export function beginningOf(history: History, overlap: number, asBytes: boolean): Snapshot {
  const { strategy, admin, scheduled } = history;
  const kind = `${strategy} ${admin} ${scheduled} ${overlap} ${asBytes} ${isRead(history)}`;
  const known = beginnings.get(kind);
  if (known !== undefined) return known;
  const disk = new SimulatedDisk();
  disk.commit({ writes: plainWrites(asBytes ? written : handedOver, firstWrites(history, overlap)) });
  beginnings.set(kind, disk.snapshot());
  return disk.snapshot();
}

function isRead({ readers = [] }: History): boolean {
  return readers.length > 0;
}

function firstWrites(history: History, overlap: number): readonly StoreWrite[] {
  const { strategy, admin, scheduled } = history;
  const retireWithin = isRead(history) ? DEADLINE : null;
  const rule = scheduled ? ({ kind: 'every', every: INTERVAL } as const) : ({ kind: 'manual' } as const);
  const secret = secretOf('app', BEGINNING);
  const rotation = {
    enabled: true,
    functionArn: 'rekey-fake',
    rule,
    settings: { ...DEFAULT_ROTATION_SETTINGS, strategy, overlap, retireWithin },
    number: 0,
    lastRotatedAt: null,
    plannedAt: null,
    deadlineAt: null,
    activeRotationId: null,
    queuedRotationId: null,
  };
  const text = (username: string, password: string) =>
    JSON.stringify({ engine: 'fake', host: 'db', username, password, ...(admin && { masterarn: 'admin' }) });
  const value = (name: string, password: string) =>
    ({
      collection: 'value',
      id: `secret-${name}/${name}-first`,
      record: { kind: 'text', text: text(name, password) },
    }) as const;
  const named = (name: string) =>
    ({ collection: 'name', id: `name ${name}`, record: { secretId: `secret-${name}` } }) as const;
  return [
    {
      collection: 'secret',
      id: SECRET,
      record: { ...secret, rotation: planned(rotation, SECRET, BEGINNING) },
    } as const,
    { collection: 'secret', id: 'secret-admin', record: secretOf('admin', BEGINNING) } as const,
    value('app', FIRST_PASSWORD),
    value('admin', ADMIN_PASSWORD),
    named('app'),
    named('admin'),
  ];
}

function secretOf(name: string, now: number): SecretRecord {
  const bare: SecretRecord = {
    id: `secret-${name}`,
    name,
    arn: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-AbCdEf`,
    description: null,
    kmsKeyId: null,
    tags: null,
    type: null,
    createdAt: now,
    changedAt: now,
    lastAccessedDay: null,
    deletedAt: null,
    purgeAt: null,
    versions: [],
    rotation: null,
  };
  return addVersion(bare, { id: `${name}-first`, hasValue: true, kmsKeyId: null }, [CURRENT], now);
}
