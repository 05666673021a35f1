import type { KeyObject } from 'node:crypto';
import type { AccessKeyRecord, GroupRecord, ManagedPolicyRecord, RoleRecord, UserRecord } from '@rekey/core';
import { secretAccessKeyObject } from '../../auth/sigv4.ts';
import { RecordCache } from '../../store/record-cache.ts';
import type { Store } from '../../store/store.ts';

/** An access key as it lies in memory: its secret part cannot be printed. */
export interface KeptKey {
  readonly id: string;
  readonly userId: string;
  readonly active: boolean;
  readonly secret: KeyObject;
}

/** What is kept of each collection. */
export interface Kept {
  user: UserRecord;
  group: GroupRecord;
  role: RoleRecord;
  policy: ManagedPolicyRecord;
  'access-key': KeptKey;
}
export type KeptKind = keyof Kept;

/** Ten thousand principals and as many policies, with room to spare; some 60 MB when full of common ones. */
const LIMITS = { entries: 20_000, size: 32 << 20 };
/** Bytes a record takes beside its documents, about. */
const RECORD_SIZE = 512;

/** Records of access in memory, as coherent as the store itself; {@link AccessCache.generation} tells of any change. */
export class AccessCache {
  readonly #store: Store;
  readonly #caches: { readonly [K in KeptKind]: RecordCache<Kept[K]> } = {
    user: new RecordCache<UserRecord>(LIMITS, sizeOfOwner),
    group: new RecordCache<GroupRecord>(LIMITS, sizeOfOwner),
    role: new RecordCache<RoleRecord>(LIMITS, sizeOfOwner),
    policy: new RecordCache<ManagedPolicyRecord>(LIMITS, sizeOfPolicy),
    'access-key': new RecordCache<KeptKey>(LIMITS, () => RECORD_SIZE),
  };
  #generation = 0;

  constructor(store: Store) {
    this.#store = store;
    store.follow({
      forget: (collection, id) => this.#forget(collection, id),
      forgetAll: () => this.#forgetAll(),
    });
  }

  /** Grows whenever a record may have changed. */
  get generation(): number {
    return this.#generation;
  }

  /** Whether what was worked out under a generation still holds. */
  isCurrent(generation: number): boolean {
    return generation === this.#generation && this.#store.isFresh;
  }

  /** The record if it is at hand; undefined says nothing. */
  find<K extends KeptKind>(kind: K, id: string): Kept[K] | undefined {
    return this.#store.isFresh ? this.#caches[kind].find(id) : undefined;
  }

  async load<K extends KeptKind>(kind: K, id: string): Promise<Kept[K] | null> {
    return this.find(kind, id) ?? this.#caches[kind].load(id, () => this.#read(kind, id));
  }

  async #read<K extends KeptKind>(kind: K, id: string): Promise<Kept[K] | null> {
    const entry = await this.#store.get(kind, id);
    if (entry === null) return null;
    const kept = kind === 'access-key' ? keptKey(entry.record as AccessKeyRecord) : entry.record;
    return kept as Kept[K];
  }

  #forget(collection: string, id: string): void {
    if (!Object.hasOwn(this.#caches, collection)) return;
    this.#generation += 1;
    this.#caches[collection as KeptKind].forget(id);
  }

  #forgetAll(): void {
    this.#generation += 1;
    for (const cache of Object.values(this.#caches)) cache.forgetAll();
  }
}

function keptKey({ id, userId, active, secretAccessKey }: AccessKeyRecord): KeptKey {
  return { id, userId, active, secret: secretAccessKeyObject(secretAccessKey) };
}

function sizeOfOwner({ inlinePolicies }: Pick<UserRecord, 'inlinePolicies'>): number {
  return inlinePolicies.reduce((size, { document }) => size + document.length, RECORD_SIZE);
}

function sizeOfPolicy({ versions }: ManagedPolicyRecord): number {
  return versions.reduce((size, { document }) => size + document.length, RECORD_SIZE);
}
