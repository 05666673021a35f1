/** Where a text stood: in which version of which secret, and in which part of its value. */
export interface FingerprintPlace {
  readonly secretId: string;
  readonly versionId: string;
  /** See {@link ./fingerprint-parts.ts ValuePart}. */
  readonly part: string;
  /** When it was written there; milliseconds since the epoch. */
  readonly at: number;
}

/**
 * Where values with one fingerprint stood. Outlives the versions: what leaks is often old. The id is a keyed hash, and one
 * record holds all places, so that who has the store alone learns neither values nor which secrets share one.
 */
export interface FingerprintRecord {
  /** Oldest first, the newest {@link MOST_PLACES}. */
  readonly places: readonly FingerprintPlace[];
  /** There were more places than are kept: whoever wants them all looks through the values. */
  readonly more: boolean;
  /** When it was reported as leaked; left out where it never was. */
  readonly leakedAt?: number;
}
