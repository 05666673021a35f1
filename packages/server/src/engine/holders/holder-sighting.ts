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
  versionId: string;
  /** First and last read since it was last written; milliseconds since the epoch. */
  firstAt: number;
  lastAt: number;
  versionSince: number;
  reads: number;
  /** UTC day of the last read, counted from the epoch. */
  day: number;
  /** Must be written at the next flush: a holder, a version or a day not seen before. */
  news: boolean;
  /** When it was last written; 0 for never. */
  writtenAt: number;
}

/** Who a caller is as a holder: by access key (or principal) and address; the same key on two machines is two. */
export function holderOf(caller: Caller): string {
  return `${caller.accessKeyId ?? caller.principal.arn}\n${caller.address}`;
}

/** Reads of late count for so much in the smoothed interval. */
const SMOOTHING = 8;

/** The record with what was seen since. Pure. */
export function withSighting(record: HolderRecord | null, seen: Sighting): HolderRecord {
  const { secretId, principal, accessKeyId, address, userAgent, versionId } = seen;
  const sameVersion = record?.versionId === versionId;
  return {
    secretId,
    principal,
    accessKeyId,
    address,
    userAgent,
    versionId,
    firstSeenAt: record?.firstSeenAt ?? seen.firstAt,
    lastSeenAt: Math.max(seen.lastAt, record?.lastSeenAt ?? 0),
    versionSince: sameVersion ? record.versionSince : seen.versionSince,
    reads: (record?.reads ?? 0) + seen.reads,
    interval: smoothed(record, seen),
  };
}

function smoothed(record: HolderRecord | null, seen: Sighting): number | null {
  const since = record?.lastSeenAt ?? seen.firstAt;
  const gaps = record === null ? seen.reads - 1 : seen.reads;
  const old = record?.interval ?? null;
  if (gaps < 1) return old;
  const mean = Math.max(0, seen.lastAt - since) / gaps;
  return Math.round(old === null ? mean : old + (mean - old) * Math.min(1, gaps / SMOOTHING));
}
