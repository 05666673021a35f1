import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { SecretRecord } from '@rekey/core';
import { LocalKeySeal } from '../packages/server/dist/seal/local-key.js';
import { keyFileOf, openSqliteStore } from '../packages/server/dist/store/data-folder.js';
import type { Store, StoreWrite } from '../packages/server/dist/store/store.js';

/** A data folder with many secrets, made without a server: through the store, in large commits. */
export interface SampleFolder {
  readonly dataFolder: string;
  remove(): Promise<void>;
}

/** Secrets a commit. */
const BATCH = 500;
const DAY = 86_400_000;

export function sampleName(number: number): string {
  return `team-${number % 100}/service-${number}/database`;
}

/** Each secret is a database credential of some 200 bytes with one version, and is thirty days old. */
export async function makeSampleFolder(secrets: number): Promise<SampleFolder> {
  const dataFolder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
  const remove = () => rm(dataFolder, { recursive: true, force: true });
  try {
    const seal = new LocalKeySeal(keyFileOf(dataFolder));
    const store = await openSqliteStore({ dataDir: dataFolder, seal, create: true });
    for (let from = 0; from < secrets; from += BATCH)
      await store.commit(writesOf(store, from, Math.min(from + BATCH, secrets)));
    await store.commit([INDEXED]);
    await store.close();
    return { dataFolder, remove };
  } catch (error) {
    await remove();
    throw error;
  }
}

/** The store has indexed the values as they were written; without this a server would look them all through once more. */
const INDEXED: StoreWrite = {
  collection: 'setting',
  id: 'fingerprint-index',
  record: { rules: 1, after: null, complete: true },
};

function writesOf(store: Store, from: number, until: number): StoreWrite[] {
  const now = Date.now();
  return Array.from({ length: until - from }, (_, at) => secretWrites(store, sampleSecret(from + at, now))).flat();
}

function secretWrites(store: Store, secret: SecretRecord): StoreWrite[] {
  return [
    { collection: 'secret', id: secret.id, record: secret },
    { collection: 'name', id: store.opaque('name', secret.name), record: { secretId: secret.id } },
    {
      collection: 'value',
      id: `${secret.id}/${secret.versions[0]?.id}`,
      record: { kind: 'text', text: credential(secret.name) },
    },
  ];
}

function credential(name: string): string {
  const password = randomBytes(24).toString('base64url');
  const host = `${name.split('/')[1]}.databases.internal`;
  return JSON.stringify({
    engine: 'postgres',
    host,
    port: 5432,
    username: 'app',
    password,
    dbname: 'orders',
    ssl: true,
  });
}

/** As the service makes it, created thirty days ago. */
export function sampleSecret(number: number, now: number): SecretRecord {
  const name = sampleName(number);
  const createdAt = now - 30 * DAY;
  const version = { createdAt, hasValue: true, labels: ['current'], lastAccessedDay: null, kmsKeyId: null };
  return {
    id: randomBytes(16).toString('base64url'),
    name,
    arn: `arn:aws:secretsmanager:us-east-1:000000000000:secret:${name}-AbCdEf`,
    description: `Credential of service ${number}`,
    kmsKeyId: null,
    tags: [{ key: 'team', value: `team-${number % 100}` }],
    type: null,
    createdAt,
    changedAt: createdAt,
    lastAccessedDay: null,
    deletedAt: null,
    purgeAt: null,
    versions: [{ ...version, id: crypto.randomUUID() }],
    rotation: null,
  };
}
