import type { Caller } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';

/**
 * What was seen of one holder of one secret since it was last written. Changed in place: a read of a secret makes no
 * new object of it.
 */
export interface Sighting {
  readonly secretId: string;
  readonly holder: string;
  readonly principal: string;
  readonly accessKeyId: string | null;
  readonly address: string;
  userAgent: string | null;
  /** What it calls itself and how often it says that it comes by; null for one that only reads. */
  readonly instance: string | null;
  every: number | null;
  versionId: string;
  /** First and last read since it was last written; milliseconds since the epoch. */
  firstAt: number;
  lastAt: number;
  versionSince: number;
  reads: number;
  /** When it was last counted as seen, and what is not written yet: how often since, the longest pause between. */
  countedAt: number;
  sightings: number;
  pause: number;
  /** UTC day of the last read, counted from the epoch. */
  day: number;
  /** Must be written at the next flush: a holder, a version or a day not seen before. */
  news: boolean;
  /** When it was last written; 0 for never. */
  writtenAt: number;
}

/**
 * Who a caller is as a holder: by access key (or principal) and address; the same key on two machines is two. Whoever
 * says which instance it is, is one of its own, also behind the same key and address.
 */
export function holderOf(caller: Caller, instance: string | null = null): string {
  const holder = `${caller.accessKeyId ?? caller.principal.arn}\n${caller.address}`;
  return instance === null ? holder : `${holder}\n${instance}`;
}

/**
 * Reads within so long of each other are one sighting: an application that starts reads several times at once, and says
 * nothing by it of when it comes back. Milliseconds.
 */
export const ONE_SIGHTING = 60_000;

/** The longest pause falls by this share of the difference with each shorter one: a night's silence is not forgotten by breakfast. */
const FALL = 1 / 8;

/** Notes one more read or acknowledgement in what is not written yet. */
export function noteSighting(seen: Sighting, now: number): void {
  if (seen.reads === 0) seen.firstAt = now;
  seen.reads += 1;
  seen.lastAt = now;
  if (now - seen.countedAt < ONE_SIGHTING) return;
  seen.pause = Math.max(seen.pause, now - seen.countedAt);
  seen.sightings += 1;
  seen.countedAt = now;
}

/** The record with what was seen since; what another server saw later stands. Pure. */
export function withSighting(record: HolderRecord | null, seen: Sighting): HolderRecord {
  const { secretId, principal, accessKeyId, address, userAgent, instance, every } = seen;
  const isLater = record === null || seen.lastAt >= record.lastSeenAt;
  const versionId = isLater ? seen.versionId : record.versionId;
  const sameVersion = record?.versionId === versionId;
  return {
    secretId,
    principal,
    accessKeyId,
    address,
    userAgent,
    ...(instance === null ? {} : { instance, signal: 'acknowledged', every }),
    versionId,
    firstSeenAt: record?.firstSeenAt ?? seen.firstAt,
    lastSeenAt: Math.max(seen.lastAt, record?.lastSeenAt ?? 0),
    versionSince: sameVersion ? record.versionSince : seen.versionSince,
    reads: (record?.reads ?? 0) + seen.reads,
    ...rhythm(record, seen),
  };
}

/** How often it was seen and at which pauses. Its first sighting by this server may be its hundredth by another. */
function rhythm(record: HolderRecord | null, seen: Sighting): Pick<HolderRecord, 'interval' | 'sightings'> {
  const isFirstHere = seen.writtenAt === 0;
  const since = record === null || !isFirstHere ? 0 : seen.firstAt - record.lastSeenAt;
  const isRepeat = isFirstHere && record !== null && since < ONE_SIGHTING;
  const pause = Math.max(seen.pause, since >= ONE_SIGHTING ? since : 0);
  const known = (record?.sightings ?? 1) < 2 ? null : (record?.interval ?? null);
  return {
    interval: pause === 0 ? known : Math.round(longest(known, pause)),
    sightings: (record === null ? 0 : (record.sightings ?? 1)) + seen.sightings - (isRepeat ? 1 : 0),
  };
}

function longest(known: number | null, pause: number): number {
  if (known === null || pause >= known) return pause;
  return known + (pause - known) * FALL;
}
