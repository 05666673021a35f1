import { createSecretKey, randomBytes } from 'node:crypto';
import { RekeyError, silentLogger } from '@rekey/core';
import type { AuditEntry } from '../../audit/entry.ts';
import { envelopeKeyId, openEnvelope, sealEnvelope } from '../../seal/envelope.ts';
import type { Seal } from '../../seal/seal.ts';
import type { StoreDriver } from '../../store/driver.ts';
import { openStore } from '../../store/open-store.ts';
import type { Store } from '../../store/store.ts';
import type { FakeClock } from '../fake-clock.testing.ts';
import { KeyUpkeep } from './key-upkeep.ts';

/** A KEK in memory. */
export class MemorySeal implements Seal {
  readonly name: string;
  isAway = false;
  readonly #kek = { id: randomBytes(4).readUInt32BE(), key: createSecretKey(randomBytes(32)) };

  constructor(name = 'memory-seal') {
    this.name = name;
  }

  describe(): string {
    return `the KEK in memory ${this.name}`;
  }

  async prepare(): Promise<void> {}

  async wrap(plain: Uint8Array, context: string): Promise<Uint8Array> {
    this.#look();
    return sealEnvelope(this.#kek, context, plain);
  }

  async unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    this.#look();
    if (envelopeKeyId(wrapped) !== this.#kek.id)
      throw new RekeyError('decryption-failed', 'Another KEK.', { reason: 'wrong-key' });
    return openEnvelope(this.#kek, context, wrapped);
  }

  #look(): void {
    if (this.isAway) throw new RekeyError('unavailable', 'The KEK is away.', { reason: 'seal-unavailable' });
  }
}

/** One server's part in a change of keys, over a driver that others may share. */
export interface KeyedServer {
  readonly store: Store;
  readonly upkeep: KeyUpkeep;
  readonly audited: AuditEntry[];
  /** Passes until nothing is to be done soon, at most so many. */
  settle(most?: number): Promise<void>;
}

export interface KeyedServerOptions {
  readonly driver: StoreDriver;
  readonly seal: Seal;
  readonly clock: FakeClock;
  readonly id?: string;
  readonly followKeys?: (store: Store) => Promise<number>;
}

export async function openKeyedServer(options: KeyedServerOptions): Promise<KeyedServer> {
  const { driver, seal, clock, id = 'one', followKeys } = options;
  const store = await openStore({ driver, seal, create: true, now: () => clock.now(), place: 'a test' });
  const audited: AuditEntry[] = [];
  const upkeep = new KeyUpkeep({
    ...{ store, keys: store.keys!, clock, log: silentLogger, holder: id, serverId: id },
    audit: { append: async (entry) => void audited.push(entry) },
    followKeys: () => followKeys?.(store) ?? Promise.resolve(store.keyring.activeId),
  });
  const settle = async (most = 30) => {
    for (let passes = 0; passes < most; passes += 1) {
      const busy = runWithTime(upkeep.pass(), clock);
      if (!(await busy)) return;
    }
  };
  return { store, upkeep, audited, settle };
}

/** Lets the clock of a test run on while something sleeps by it. */
async function runWithTime<T>(work: Promise<T>, clock: FakeClock): Promise<T> {
  let done = false;
  const end = work.finally(() => {
    done = true;
  });
  end.catch(() => {});
  while (!done) {
    await clock.advance(100);
    await new Promise((resolve) => setImmediate(resolve));
  }
  return end;
}

/** Dies at the n-th write, before or after it: everything fails from then on, as for a process that is gone. */
export function dyingDriver(inner: StoreDriver, at: number, when: 'before' | 'after') {
  let writes = 0;
  let dead = false;
  const gone = () => new RekeyError('unavailable', 'This process is dead.', { reason: 'dead' });
  const writing = new Set(['commit', 'claim', 'renew', 'release']);
  const driver = new Proxy(inner, {
    get(target, name) {
      const member = Reflect.get(target, name) as unknown;
      if (typeof member !== 'function') return member;
      return async (...args: unknown[]) => {
        if (dead) throw gone();
        const isWrite = writing.has(String(name));
        if (isWrite) writes += 1;
        if (isWrite && writes === at && when === 'before') dead = true;
        if (dead) throw gone();
        if (name === 'watch') return (member as (...a: unknown[]) => unknown).apply(target, args);
        const result = await (member as (...a: unknown[]) => Promise<unknown>).apply(target, args);
        if (isWrite && writes === at) dead = true;
        if (dead) throw gone();
        return result;
      };
    },
  });
  return { driver, isDead: () => dead };
}
