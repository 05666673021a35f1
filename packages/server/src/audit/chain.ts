import { hash } from 'node:crypto';
import type { AuditEntry } from './entry.ts';

/**
 * The form of the log: one JSON object a line,
 * `{"sequence":N,"time":"…","previous":"<hash>","entry":{…},"hash":"<hash>"}`, where `hash` is the SHA-256 (lower-case
 * hex) of the line's bytes up to the comma before `"hash"`, and `previous` is the hash of the line before. So anybody
 * can check a line with `sha256sum`, without knowing how the JSON was made.
 */

/** Where a chain stands: the last line's sequence and hash. */
export interface ChainHead {
  /** 0 before the first line. */
  readonly sequence: number;
  readonly hash: string;
}

/** Before the first line. */
export const EMPTY_CHAIN: ChainHead = { sequence: 0, hash: '0'.repeat(64) };

/** Longest text an entry keeps, in UTF-16 units: a name can be 2,048; more would let a caller fill the disk. */
const TEXT_LIMIT = 4096;

/** One line, and the head of the chain once it is written. */
export interface ChainedLine {
  /** With its newline. */
  readonly text: string;
  readonly head: ChainHead;
}

/** Chains an entry to the line before. */
export function chainEntry(previous: ChainHead, entry: AuditEntry): ChainedLine {
  const sequence = previous.sequence + 1;
  const body = `{"sequence":${sequence},"time":"${isoTime(entry.time)}","previous":"${previous.hash}","entry":${entryText(entry)}`;
  const head = { sequence, hash: hash('sha256', body, 'hex') };
  return { text: `${body},"hash":"${head.hash}"}\n`, head };
}

/** Only the fields an audit entry has, always in the same order: nothing else can slip into the log. */
function entryText(entry: AuditEntry): string {
  return JSON.stringify({
    kind: entry.kind,
    action: bounded(entry.action),
    principal: bounded(entry.principal),
    accessKeyId: bounded(entry.accessKeyId),
    address: bounded(entry.address),
    requestId: bounded(entry.requestId),
    resource: bounded(entry.resource),
    versionId: bounded(entry.versionId),
    outcome: entry.outcome,
    detail: bounded(entry.detail),
  });
}

function bounded(text: string | null): string | null {
  return text === null || text.length <= TEXT_LIMIT ? text : `${text.slice(0, TEXT_LIMIT)}…`;
}

let lastMillisecond = Number.NaN;
let lastIsoTime = '';

/** Entries of one batch mostly share their millisecond, and formatting it costs as much as hashing the line. */
function isoTime(milliseconds: number): string {
  if (milliseconds !== lastMillisecond) {
    lastIsoTime = new Date(milliseconds).toISOString();
    lastMillisecond = milliseconds;
  }
  return lastIsoTime;
}

/** A line as found, before anything in it is believed. */
export interface FoundLine {
  readonly sequence: number;
  readonly previous: string;
  /** What the line says its hash is, and what it comes to. */
  readonly statedHash: string;
  readonly actualHash: string;
}

const HEADER = /^\{"sequence":([1-9]\d{0,15}),"time":"[^"]{20,32}","previous":"([0-9a-f]{64})","entry":\{/;
const HEADER_BYTES = 200;
const TRAILER = /^,"hash":"([0-9a-f]{64})"\}$/;
const TRAILER_BYTES = 75;

/** Takes a line (without its newline) apart; null if it does not have the form of one. */
export function readLine(line: Buffer): FoundLine | null {
  const header = HEADER.exec(line.subarray(0, HEADER_BYTES).toString('latin1'));
  const bodyBytes = line.length - TRAILER_BYTES;
  const trailer = TRAILER.exec(line.subarray(Math.max(0, bodyBytes)).toString('latin1'));
  if (header === null || trailer === null) return null;
  return {
    sequence: Number(header[1]),
    previous: header[2]!,
    statedHash: trailer[1]!,
    actualHash: hash('sha256', line.subarray(0, bodyBytes), 'hex'),
  };
}

/**
 * Whether bytes at the end of a file, without a newline, are what a crash leaves of the next line: a beginning of it,
 * or the zeros of a block that was never filled.
 */
export function isTornLine(bytes: Buffer, head: ChainHead): boolean {
  const end = bytes.indexOf(0);
  const text = (end < 0 ? bytes : bytes.subarray(0, end)).toString('latin1');
  if (end >= 0 && bytes.subarray(end).some((byte) => byte !== 0)) return false;
  const start = `{"sequence":${head.sequence + 1},"time":"`;
  if (text.length <= start.length) return start.startsWith(text);
  if (!text.startsWith(start)) return false;
  const link = `","previous":"${head.hash}","entry":{`;
  const at = text.indexOf('"', start.length);
  const rest = at < 0 ? '' : text.slice(at);
  return (link.startsWith(rest) || rest.startsWith(link)) && !/"hash":"[0-9a-f]{64}"\}./s.test(text);
}
