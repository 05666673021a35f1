import { type Clock, type Logger, messageOf, RekeyError } from '@rekey/core';
import type { AuditLog } from '../../audit/entry.ts';
import { type KeyringRecord, type WrappedKeyring, wrapId } from '../../seal/keyring.ts';
import type { Claim } from '../../store/driver.ts';
import type { Store } from '../../store/store.ts';
import type { StoreKeys } from '../../store/store-keys.ts';
import { ENGINE } from '../rotation/rotation-audit.ts';
import { forgetKeyServer, type KeyServer, listKeyServers, noteKeyServer } from './key-servers.ts';
import { describeKeys, type KeyRotationNote, type KeyStatus } from './key-status.ts';
import { type KeyFacts, nextKeyStep } from './key-step.ts';
import { type ResealProgress, resealRecords } from './reseal-records.ts';
import { cancelled, handedOver, withWrap } from './rewrap.ts';

export interface KeyUpkeepParts {
  readonly store: Store;
  readonly keys: StoreKeys;
  readonly clock: Clock;
  readonly audit: AuditLog;
  readonly log: Logger;
  /** Who holds the claims. */
  readonly holder: string;
  /** Names this server among those on the store, also after a restart. */
  readonly serverId: string;
  /** Lets the escrow journal follow the keyring; returns the DEK under which all of it is sealed then. */
  followKeys(): Promise<number>;
}

/** Id of the claim of the server that carries a rotation of keys on, and of the setting that says how far it is. */
const ROTATION = 'key-rotation';
const CLAIM_TIME = 15_000;
/** Milliseconds between two looks: while nothing is under way, and while something is. */
const IDLE = 5_000;
const AT_WORK = 500;
/** Milliseconds between two notes of progress. */
const PROGRESS = 2_000;

/** Keeps this server on the keyring that stands in the store, and carries changes of keys on, whoever began them. */
export class KeyUpkeep {
  readonly #parts: KeyUpkeepParts;
  readonly #stopped = new AbortController();
  #nap = new AbortController();
  #loop: Promise<void> = Promise.resolve();
  #noted: KeyServer | null = null;
  #progressAt = 0;
  #told: string | null = null;

  constructor(parts: KeyUpkeepParts) {
    this.#parts = parts;
  }

  start(): void {
    this.#loop = this.#goOn();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    this.#nap.abort();
    await this.#loop;
  }

  /**
   * Begins a rotation of the DEK: the new one is in the keyring when this resolves; the rest goes on in the background.
   *
   * @throws RekeyError `invalid-state`, reason `key-rotation-unfinished` or `rewrap-unfinished`; what the seal throws
   */
  async rotate(askedBy: string): Promise<KeyStatus> {
    const { store, keys, clock } = this.#parts;
    await keys.reload();
    if (keys.keyring.dataKeys.length > 1)
      throw new RekeyError('invalid-state', 'A rotation of keys is under way already; see `rekey keys status`.', {
        reason: 'key-rotation-unfinished',
      });
    await keys.replace(keys.keyring.extended(clock.now()));
    const note = { askedBy, startedAt: clock.now(), to: keys.keyring.newestId, looked: 0, total: 0, sealedUnder: null };
    await store.commit([{ collection: 'setting', id: ROTATION, record: { ...note, finishedAt: null } }]);
    this.#nap.abort();
    return this.status();
  }

  /** Adds the wrap of another KEK. @throws RekeyError as {@link withWrap}; `conflict` if it is of another keyring */
  async addWrap(wrap: WrappedKeyring, keyringRevision: number): Promise<KeyStatus> {
    const { keys } = this.#parts;
    await keys.reload();
    if (keys.revision !== keyringRevision)
      throw new RekeyError('conflict', 'The keyring was changed meanwhile; run `rekey keys rewrap` again.');
    await keys.rewrap(withWrap(keys.record, wrap));
    this.#nap.abort();
    return this.status();
  }

  /** Takes a wrap that was added away again. @throws RekeyError as {@link cancelled} */
  async cancelWrap(): Promise<KeyStatus> {
    const { store, keys } = this.#parts;
    await keys.reload();
    await keys.rewrap(cancelled(keys.record, await listKeyServers(store)));
    return this.status();
  }

  /** Waits no longer for a server that will not come back. @throws RekeyError `not-found` */
  async forget(serverId: string): Promise<KeyStatus> {
    if (serverId === this.#parts.serverId)
      throw new RekeyError('invalid-state', `Server ${serverId} is this one, and runs; there is nothing to forget.`);
    if (!(await forgetKeyServer(this.#parts.store, serverId)))
      throw new RekeyError('not-found', `There is no server ${serverId}; see \`rekey keys status\`.`);
    this.#nap.abort();
    return this.status();
  }

  async status(): Promise<KeyStatus> {
    const { keys, store } = this.#parts;
    return describeKeys({
      ...(await this.#facts()),
      record: keys.record,
      seal: keys.sealedBy,
      note: await findNote(store),
    });
  }

  /** One look, with what follows from it; for tests. Resolves with whether more is to be done soon. */
  async pass(): Promise<boolean> {
    const { keys } = this.#parts;
    await keys.reload();
    const journalKey = this.#isNoted() ? this.#noted!.journalKey : await this.#parts.followKeys();
    await this.#note(journalKey);
    const rewrapping = keys.record.also !== undefined;
    if (rewrapping) await this.#handOver(keys.record);
    if (nextKeyStep(await this.#facts()).kind === 'none') return rewrapping;
    await this.#underClaim((claim) => this.#carryOn(claim));
    return true;
  }

  async #goOn(): Promise<void> {
    const { clock } = this.#parts;
    while (!this.#stopped.signal.aborted) {
      this.#nap = new AbortController();
      const busy = await this.#guarded();
      if (!this.#stopped.signal.aborted) await clock.sleep(busy ? AT_WORK : IDLE, this.#nap.signal);
    }
  }

  /** The same trouble is told once. */
  async #guarded(): Promise<boolean> {
    try {
      const busy = await this.pass();
      this.#told = null;
      return busy;
    } catch (error) {
      const message = error instanceof RekeyError ? messageOf(error) : 'an unexpected failure';
      if (message !== this.#told && !this.#stopped.signal.aborted)
        this.#parts.log.warn({}, `The upkeep of the keys is tried again: ${message}`);
      this.#told = message;
      return false;
    }
  }

  #isNoted(): boolean {
    const { keys } = this.#parts;
    return this.#noted?.keyringRevision === keys.revision && this.#noted.openedBy === keys.openedBy;
  }

  async #note(journalKey: number): Promise<void> {
    if (this.#isNoted()) return;
    const { store, keys, clock, serverId } = this.#parts;
    const { revision: keyringRevision, openedBy, sealedBy: seal } = keys;
    const server = { id: serverId, seenAt: clock.now(), keyringRevision, openedBy, journalKey, seal };
    await noteKeyServer(store, server);
    this.#noted = server;
  }

  async #handOver(record: KeyringRecord): Promise<void> {
    const { store, keys } = this.#parts;
    const next = handedOver(record, await listKeyServers(store));
    if (next === null) return;
    await this.#audited('rekey:FinishRewrap', `The keyring is wrapped by ${next.seal} alone (${wrapId(next)}).`);
    await keys.rewrap(next);
  }

  async #carryOn(claim: Claim): Promise<void> {
    const { keys } = this.#parts;
    const facts = await this.#facts();
    const step = nextKeyStep(facts);
    if (step.kind === 'activate') {
      await this.#audited('rekey:ActivateKey', `Records are sealed with key ${keys.keyring.newestId} from now on.`);
      await keys.replace(keys.keyring.activated());
    } else if (step.kind === 'seal') await this.#seal(claim);
    else if (step.kind === 'drop') await this.#drop();
  }

  /** To its end, or until the claim is lost. A walk that leaves nothing proves that nothing older is needed. */
  async #seal(claim: Claim): Promise<void> {
    const { store, clock, holder, keys } = this.#parts;
    const { activeId } = keys.keyring;
    const goOn = async (progress: ResealProgress) => {
      if (this.#stopped.signal.aborted) return false;
      await this.#progress(progress);
      return (await store.renew(claim, { now: clock.now(), milliseconds: CLAIM_TIME })) !== null;
    };
    const left = await resealRecords({ store, clock, holder: `${holder} (keys)`, goOn });
    if (left === 0) await this.#update({ sealedUnder: activeId });
  }

  async #drop(): Promise<void> {
    const { keys, clock } = this.#parts;
    const { activeId } = keys.keyring;
    await this.#audited('rekey:DropKeys', `Nothing needs the keys before ${activeId} any more.`);
    await keys.replace(keys.keyring.withoutOlder());
    await this.#update({ finishedAt: clock.now() });
  }

  async #progress({ looked }: ResealProgress): Promise<void> {
    const { store, clock } = this.#parts;
    if (clock.now() - this.#progressAt < PROGRESS) return;
    this.#progressAt = clock.now();
    const counts = await Promise.all(PLENTIFUL.map((collection) => store.count(collection)));
    const total = counts.reduce((sum, count) => sum + count, 0);
    await this.#update({ looked, total: Math.max(total, looked) });
  }

  async #update(change: Partial<KeyRotationNote>): Promise<void> {
    const { store } = this.#parts;
    const note = await findNote(store);
    await store.commit([{ collection: 'setting', id: ROTATION, record: { ...note, ...change } }]);
  }

  async #facts(): Promise<KeyFacts & { readonly servers: readonly KeyServer[] }> {
    const { store, keys, clock } = this.#parts;
    const { dataKeys, activeId } = keys.keyring;
    const sealedUnder = (await findNote(store))?.sealedUnder ?? null;
    const rewrapping = keys.record.also !== undefined;
    const standing = { dataKeys, activeId, keyringRevision: keys.revision, sealedUnder, rewrapping };
    return { ...standing, now: clock.now(), servers: await listKeyServers(store) };
  }

  async #underClaim(work: (claim: Claim) => Promise<void>): Promise<void> {
    const { store, clock, holder } = this.#parts;
    const claim = await store.claim({ key: ROTATION, holder, now: clock.now(), milliseconds: CLAIM_TIME });
    if (claim === null) return;
    try {
      await work(claim);
    } finally {
      await store.release(claim);
    }
  }

  #audited(action: string, detail: string): Promise<void> {
    const nobody = { accessKeyId: null, address: null, requestId: null, resource: null, versionId: null };
    const entry = { time: this.#parts.clock.now(), kind: 'engine', outcome: 'allowed' } as const;
    return this.#parts.audit.append({ ...entry, ...nobody, action, principal: ENGINE, detail });
  }
}

/** Those that a store can hold many of; for the measure of progress. */
const PLENTIFUL = ['secret', 'name', 'value', 'rotation', 'holder', 'drift', 'fingerprint'] as const;

async function findNote(store: Store): Promise<KeyRotationNote | null> {
  const entry = await store.get('setting', ROTATION);
  return entry === null ? null : (entry.record as unknown as KeyRotationNote);
}
