import { createPrivateKey, generateKeyPairSync, type KeyObject } from 'node:crypto';
import type { Logger } from '@rekey/core';
import type { Checkpoint } from '../audit/checkpoint.ts';
import type { AuditEntry, AuditLog } from '../audit/entry.ts';
import { FloodGuard } from '../audit/flood.ts';
import { ChainedAuditLog } from '../audit/log.ts';
import type { ServerConfig } from '../config/config.ts';
import type { Store } from '../store/store.ts';
import { otherHeads } from './audit-heads.ts';
import { auditHeadOf, dataFiles } from './data-folder.ts';
import { ensureServerId } from './server-id.ts';

/** An audit log that is open, with what ends it. */
export interface OpenAudit {
  readonly audit: AuditLog;
  /** Entries put on record by this server since it started. */
  lines(): number;
  close(): Promise<void>;
}

/** Id of the setting with the key that signs heads of the audit log. */
export const SIGNING_KEY = 'audit-signing-key';

/** The audit log of a data folder; without one (`--dev`) entries go to the log at level debug and nowhere else. */
export async function openAudit(config: ServerConfig, store: Store, log: Logger): Promise<OpenAudit> {
  if (config.dataFolder === null) return openLogged(log);
  const serverId = config.storeAddress === null ? null : ensureServerId(config.dataFolder);
  const head = auditHeadOf(serverId);
  const chained = await ChainedAuditLog.open({
    folder: dataFiles(config.dataFolder).auditFolder,
    signingKey: await signingKeyOf(store),
    durability: config.auditDurability,
    fileBytes: config.auditFileBytes,
    checkpoint: await storedCheckpoint(store, head),
    onCheckpoint: async (checkpoint) => {
      const others = serverId === null ? {} : { others: await otherHeads(store, head) };
      await store.commit([{ collection: 'setting', id: head, record: { ...checkpoint, ...others } }]);
    },
    log,
  });
  const guard = new FloodGuard(chained, { log });
  const before = chained.head.sequence;
  return {
    audit: guard,
    lines: () => chained.head.sequence - before,
    async close() {
      await guard.close();
      await chained.close();
    },
  };
}

function openLogged(log: Logger): OpenAudit {
  let lines = 0;
  const append = async (entry: AuditEntry) => {
    log.debug(entry, 'audit');
    lines += 1;
  };
  return { audit: { append }, lines: () => lines, close: async () => {} };
}

async function storedCheckpoint(store: Store, head: string): Promise<Checkpoint | null> {
  const entry = await store.get('setting', head);
  return entry === null ? null : (entry.record as unknown as Checkpoint);
}

/**
 * Made once and kept sealed in the store: who can write the audit folder cannot sign another chain. Of servers that
 * start on a new store together, one makes it.
 */
async function signingKeyOf(store: Store): Promise<KeyObject> {
  const known = await findSigningKey(store);
  if (known !== null) return known;
  const { privateKey } = generateKeyPairSync('ed25519');
  const pem = privateKey.export({ type: 'pkcs8', format: 'pem' }).toString();
  try {
    await store.commit([{ collection: 'setting', id: SIGNING_KEY, record: { pem }, expect: 0 }]);
    return privateKey;
  } catch (error) {
    const made = await findSigningKey(store);
    if (made === null) throw error;
    return made;
  }
}

async function findSigningKey(store: Store): Promise<KeyObject | null> {
  const entry = await store.get('setting', SIGNING_KEY);
  return entry === null ? null : createPrivateKey(String(entry.record.pem));
}
