import type { SecretRotation } from './rotation.ts';

/** Content of one version: text or bytes, 1 to 65,536 bytes. */
export type SecretValue =
  | { readonly kind: 'text'; readonly text: string }
  | { readonly kind: 'binary'; readonly bytes: Uint8Array };

/**
 * Labels the engine itself moves. Faces translate (AWS: AWSCURRENT, AWSPENDING, AWSPREVIOUS); every other label is
 * somebody's own and is kept as written.
 */
export const CURRENT = 'current';
export const PENDING = 'pending';
export const PREVIOUS = 'previous';

export interface Tag {
  readonly key: string;
  readonly value: string;
}

/** What is known of a version without opening its value. */
export interface VersionRecord {
  /** Chosen by the writer (AWS: ClientRequestToken), 32 to 64 characters; unique within the secret. */
  readonly id: string;
  /** Milliseconds since the epoch. */
  readonly createdAt: number;
  /** False for the empty pending version that a rotation stages before its function has made a value. */
  readonly hasValue: boolean;
  /** In the order they were attached. A label sits on at most one version of a secret. */
  readonly labels: readonly string[];
  /** First millisecond of the UTC day of the last read; null if never read. */
  readonly lastAccessedDay: number | null;
  readonly kmsKeyId: string | null;
}

/** A copy of a secret in another region: a read-only view of it, until it is promoted or taken away. */
export interface Replica {
  readonly region: string;
  readonly kmsKeyId: string | null;
  /** Why there is none there; null where there is. */
  readonly failure: string | null;
}

/** Where a secret is at home, and where it can be read besides. */
export interface Replication {
  readonly primaryRegion: string;
  readonly replicas: readonly Replica[];
}

/** A policy that a secret itself carries (AWS: resource policy). */
export interface ResourcePolicy {
  /** As it was put, to the letter. */
  readonly text: string;
  /**
   * Unique ids of the users and roles it names, by ARN, as they were when it was put: whoever is made later under the
   * same name is somebody else.
   */
  readonly principals: Readonly<Record<string, string>>;
}

/**
 * A secret: everything but its values. One record, written by compare-and-set, so that a move of labels is atomic.
 */
export interface SecretRecord {
  /** Random and opaque; the key under which the store keeps it. Never reused, unlike the name. */
  readonly id: string;
  readonly name: string;
  readonly arn: string;
  readonly description: string | null;
  readonly kmsKeyId: string | null;
  /** Null if never tagged, empty after the last tag was removed: faces tell the two apart. */
  readonly tags: readonly Tag[] | null;
  readonly type: string | null;
  readonly createdAt: number;
  /** Last change of value, labels or metadata; milliseconds. */
  readonly changedAt: number;
  readonly lastAccessedDay: number | null;
  /** When its credential was last proven by `adopt` before rekey ever rotated it; left out where it was not. */
  readonly adoptedAt?: number;
  /** When deletion was asked for; null while alive. */
  readonly deletedAt: number | null;
  /** When a secret marked for deletion is removed for good. */
  readonly purgeAt: number | null;
  /** Oldest first. */
  readonly versions: readonly VersionRecord[];
  /** Null until rotation was ever configured. */
  readonly rotation: SecretRotation | null;
  /** What the index of names knows it under; left out where that is its name. Names are unique within a region. */
  readonly lookupName?: string;
  /** Where else it can be read; left out, or null after the last replica went, where it is not. */
  readonly replication?: Replication | null;
  /** Left out, or null after it was taken away, where there is none. */
  readonly policy?: ResourcePolicy | null;
}
