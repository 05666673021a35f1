import { RekeyError, type SecretRecord } from '@rekey/core';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import type { Sighting } from './holder-sighting.ts';

const DAY = 86_400_000;
const ATTEMPTS = 5;

/** The days on which versions of a secret were read. */
type Reads = ReadonlyMap<string, number>;

/**
 * Keeps the day of the last read on secrets and versions: one write a day however often they are read, as AWS's
 * LastAccessedDate has it. Somebody else may change the secret meanwhile; then it is worked out anew.
 */
export class LastAccess {
  readonly #store: Store;

  constructor(store: Store) {
    this.#store = store;
  }

  async note(sightings: readonly Sighting[]): Promise<void> {
    const bySecret = new Map<string, Map<string, number>>();
    for (const { secretId, versionId, day, instance } of sightings) {
      if (instance !== null) continue;
      const reads = bySecret.get(secretId) ?? new Map<string, number>();
      bySecret.set(secretId, reads.set(versionId, Math.max(day * DAY, reads.get(versionId) ?? 0)));
    }
    if (await this.#noteTogether(bySecret)) return;
    for (const [secretId, reads] of bySecret) await this.#noteOne(secretId, reads);
  }

  /** All in one commit, which nearly always goes; false if one of the secrets changed meanwhile. */
  async #noteTogether(bySecret: ReadonlyMap<string, Reads>): Promise<boolean> {
    const writes: StoreWrite[] = [];
    for (const [secretId, reads] of bySecret)
      writes.push(...writesOf(await this.#store.get('secret', secretId), reads));
    return writes.length === 0 || this.#commits(writes);
  }

  async #noteOne(secretId: string, reads: Reads): Promise<void> {
    for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
      const writes = writesOf(await this.#store.get('secret', secretId), reads);
      if (writes.length === 0 || (await this.#commits(writes))) return;
    }
  }

  async #commits(writes: readonly StoreWrite[]): Promise<boolean> {
    try {
      await this.#store.commit(writes);
      return true;
    } catch (error) {
      if (error instanceof RekeyError && error.code === 'conflict') return false;
      throw error;
    }
  }
}

function writesOf(secret: Entry<SecretRecord> | null, reads: Reads): readonly StoreWrite[] {
  if (secret === null) return [];
  const record = withAccess(secret.record, reads);
  return record === null ? [] : [{ collection: 'secret', id: secret.id, record, expect: secret.revision }];
}

/** The secret with its days brought up; null if it knows them already. Pure. */
export function withAccess(secret: SecretRecord, reads: Reads): SecretRecord | null {
  let changed = false;
  const versions = secret.versions.map((version) => {
    const day = reads.get(version.id);
    if (day === undefined || day <= (version.lastAccessedDay ?? -1)) return version;
    changed = true;
    return { ...version, lastAccessedDay: day };
  });
  const day = Math.max(...reads.values());
  if (!changed && day <= (secret.lastAccessedDay ?? -1)) return null;
  return { ...secret, versions, lastAccessedDay: Math.max(day, secret.lastAccessedDay ?? 0) };
}
