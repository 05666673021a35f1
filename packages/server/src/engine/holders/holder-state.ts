import type { HolderRecord } from '../../store/collections.ts';

/**
 * How a holder stands to the version that is current:
 *
 * - `current`: was last seen with it.
 * - `behind`: was last seen with another one, and is expected back.
 * - `unknown`: was last seen with another one, and so far only once: nobody can say when it comes back, if ever.
 * - `gone`: has been silent for {@link SILENT_INTERVALS} of its own intervals.
 */
export type HolderState = 'current' | 'behind' | 'unknown' | 'gone';

/**
 * What is known of a holder by which kind of sign. `read`: it was handed a version, and may use it until it dies.
 * `acknowledged`: it says itself which version it uses.
 */
export type HolderSignal = 'read' | 'acknowledged';

/** Intervals of its own that a holder must be silent for to count as gone: fewer would take a late one for a dead one. */
export const SILENT_INTERVALS = 3;

/** Sightings may lie in another server's memory for so long before they are written. Milliseconds. */
export const UNWRITTEN = 30_000;

/** What the decisions need to know of a holder. */
export type HolderFacts = Pick<HolderRecord, 'versionId' | 'lastSeenAt' | 'interval' | 'sightings' | 'every'>;

export function stateOf(
  holder: HolderFacts,
  currentVersionId: string | null,
  now: number,
  attendedSince = Number.NEGATIVE_INFINITY,
): HolderState {
  if (goneAt(holder, attendedSince) <= now) return 'gone';
  if (holder.versionId === currentVersionId) return 'current';
  return intervalOf(holder) === null ? 'unknown' : 'behind';
}

/**
 * When the holder counts as gone unless it is seen before; infinite while it was seen only once.
 *
 * @param attendedSince its silence counts from then on only: see ./attendance.ts
 */
export function goneAt(holder: HolderFacts, attendedSince = Number.NEGATIVE_INFINITY): number {
  const interval = intervalOf(holder);
  if (interval === null) return Number.POSITIVE_INFINITY;
  return Math.max(holder.lastSeenAt, attendedSince) + SILENT_INTERVALS * interval + UNWRITTEN;
}

/**
 * How long a holder goes without being seen, in milliseconds: what it says of itself or what was observed, whichever is
 * longer; null while it was seen once. Records of before sightings were counted hold a mean that says too little.
 */
export function intervalOf({ interval, sightings, every }: HolderFacts): number | null {
  const observed = (sightings ?? 1) < 2 ? null : interval;
  if (every == null) return observed;
  return Math.max(every, observed ?? 0);
}

export function signalOf({ signal }: Pick<HolderRecord, 'signal'>): HolderSignal {
  return signal ?? 'read';
}

/** Who it is, for people: access key (or principal), address, and the instance where it named one. */
export function nameOf({ accessKeyId, principal, address, instance }: HolderRecord): string {
  return `${accessKeyId ?? principal} at ${address}${instance == null ? '' : ` (${instance})`}`;
}
