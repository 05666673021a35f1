import { createPrivateKey, createPublicKey, type KeyObject } from 'node:crypto';
import type { SecretRecord } from '@rekey/core';
import { type Checkpoint, isGenuine } from '../../audit/checkpoint.ts';
import { type CollectionName, INDEXES } from '../../store/collections.ts';
import type { ListedEntry, Store } from '../../store/store.ts';
import { SIGNING_KEY } from '../audit-opening.ts';
import { AUDIT_HEAD } from '../data-folder.ts';
import { readRoot } from '../root-credentials.ts';

/** Records by collection. */
export type BackupCounts = Readonly<Partial<Record<CollectionName, number>>>;

const PAGE = 200;

/** How much a store holds, and the newest moment it knows of: a head of the audit log is signed at least once a minute. */
export async function readContent(
  store: Store,
): Promise<{ readonly counts: BackupCounts; readonly holdsUntil: number | null }> {
  const counts: Partial<Record<CollectionName, number>> = {};
  for (const collection of Object.keys(INDEXES) as CollectionName[]) {
    const count = await store.count(collection);
    if (count > 0) counts[collection] = count;
  }
  const heads = (await auditHeads(store)).map(({ time }) => time);
  let newest = Math.max(0, ...heads, ...store.keyring.dataKeys.map(({ madeAt }) => madeAt));
  for await (const { record } of secretsOf(store)) newest = Math.max(newest, record.changedAt);
  return { counts, holdsUntil: newest === 0 ? null : newest };
}

/** What belongs together and is not there, although every record opens: a sentence for each kind. */
export async function findBroken(store: Store): Promise<readonly string[]> {
  const lacking = { value: [] as string[], name: [] as string[] };
  for await (const { id, record } of secretsOf(store)) {
    for (const version of record.versions)
      if (version.hasValue && (await store.getValue(id, version.id)) === null) lacking.value.push(record.name);
    const found = await store.findSecret(record.lookupName ?? record.name);
    if (found?.id !== id) lacking.name.push(record.name);
  }
  return [
    ...sentence(lacking.value, 'of the versions lack their value'),
    ...sentence(lacking.name, 'of the secrets are not found by their name'),
    ...(await findBrokenSettings(store)),
  ];
}

async function findBrokenSettings(store: Store): Promise<readonly string[]> {
  const problems: string[] = [];
  if ((await readRoot(store)) === null)
    problems.push("The backup holds no credentials of root; the server's next start makes new ones.");
  const heads = await auditHeads(store);
  const key = await signingKey(store);
  if (heads.length > 0 && key === null)
    problems.push('The backup holds a head of the audit log but not the key that signs it; take another backup.');
  const forged = key === null ? 0 : heads.filter((head) => !isGenuine(head, key)).length;
  if (forged > 0)
    problems.push(
      `The signature of ${forged} of the heads of the audit log is not genuine; look at \`rekey audit verify\`.`,
    );
  return problems;
}

function sentence(names: readonly string[], what: string): readonly string[] {
  return names.length === 0 ? [] : [`${names.length} ${what} (the first: ${names[0]}); restore another backup.`];
}

async function auditHeads(store: Store): Promise<readonly Checkpoint[]> {
  const listed = await store.list('setting', { index: null, from: AUDIT_HEAD, until: `${AUDIT_HEAD}0`, limit: 1_000 });
  return listed.map(({ record }) => record as unknown as Checkpoint);
}

async function signingKey(store: Store): Promise<KeyObject | null> {
  const entry = await store.get('setting', SIGNING_KEY);
  return entry === null ? null : createPublicKey(createPrivateKey(String(entry.record.pem)));
}

async function* secretsOf(store: Store): AsyncGenerator<ListedEntry<SecretRecord>> {
  let after: { readonly value: string; readonly id: string } | null = null;
  for (;;) {
    const query = { index: null, limit: PAGE, ...(after === null ? {} : { after }) };
    const page: readonly ListedEntry<SecretRecord>[] = await store.list('secret', query);
    yield* page;
    const last = page.at(-1);
    if (last === undefined || page.length < PAGE) return;
    after = { value: last.id, id: last.id };
    await new Promise((resolve) => setImmediate(resolve));
  }
}
