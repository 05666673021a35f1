import { createHash } from 'node:crypto';
import type { RotationRecord, RotationSettings, Strategy } from '@rekey/core';
import { isTemporary } from '../rotation/cause.ts';

/**
 * A gate: a secret rotates only after its staging counterparts have shown that rotating so works. Pure decisions.
 */
export interface Gate {
  /** Names or ARNs of the staging counterparts. */
  readonly requires: readonly string[];
  /** Rotations in a row that must have ended well. */
  readonly green: number;
  /** How long that must have been so; milliseconds. */
  readonly soak: number;
}

export const DEFAULT_GREEN = 1;
export const DEFAULT_SOAK = 86_400_000;

/** The gate of a secret; null if it has none. */
export function gateOf({ requires, green, soak }: RotationSettings): Gate | null {
  if (requires === undefined || requires.length === 0) return null;
  return { requires, green: green ?? DEFAULT_GREEN, soak: soak ?? DEFAULT_SOAK };
}

/** How something is rotated, as far as it is the same in staging and in production. */
export interface RotationManner {
  readonly functionArn: string | null;
  readonly settings: RotationSettings;
  /** Null where it is not known yet: it is resolved with the first step. */
  readonly strategy: Strategy | null;
}

/**
 * The same for the same rotator and configuration. Names of hosts differ by nature, so of a pooler it counts only whether
 * there is one; for how long values overlap may differ too: a longer overlap asks nothing new of an application.
 */
export function mannerDigest({ functionArn, settings }: RotationManner): string {
  const { strategy, usernameMayChange, via, endSessions } = settings;
  const name = functionArn?.replace(/^arn:.*:function:/, '') ?? null;
  const manner = JSON.stringify([name, strategy, usernameMayChange, via !== null, endSessions]);
  return createHash('sha256').update(manner).digest('hex').slice(0, 16);
}

/** A staging counterpart as it is found. */
export interface Counterpart {
  /** As the gate names it. */
  readonly named: string;
  readonly found: 'present' | 'missing' | 'deleted' | 'not-rotated';
  /** Its last rotations, newest first. */
  readonly history: readonly RotationRecord[];
}

export type Verdict =
  | { readonly open: true }
  | {
      readonly open: false;
      /** When it opens if nothing else happens; null: something must happen first. */
      readonly until: number | null;
      /** A clause for people. */
      readonly why: string;
      /** Somebody has to do something: a counterpart failed, or is not there. */
      readonly trouble: boolean;
    };

const OPEN: Verdict = { open: true };

/** Whether all counterparts let a rotation pass. Of several in the way the one that needs a person is named first. */
export function judge(gate: Gate, manner: RotationManner, counterparts: readonly Counterpart[], now: number): Verdict {
  const closed = counterparts
    .map((counterpart) => judgeOne(gate, manner, counterpart, now))
    .filter((verdict) => !verdict.open);
  const worst = closed.find(({ trouble }) => trouble) ?? closed[0];
  if (worst === undefined) return OPEN;
  const until = closed.some((verdict) => verdict.until === null)
    ? null
    : Math.max(...closed.map((verdict) => verdict.until ?? 0));
  return { ...worst, until };
}

const MISSING: Readonly<Record<Exclude<Counterpart['found'], 'present'>, string>> = {
  missing: 'does not exist: create it, or name another with `rekey rotation set`',
  deleted: 'is marked for deletion: restore it, or name another with `rekey rotation set`',
  'not-rotated': 'has no rotation that is switched on: switch it on, or name another with `rekey rotation set`',
};

function judgeOne(gate: Gate, manner: RotationManner, { named, found, history }: Counterpart, now: number): Verdict {
  if (found !== 'present') return trouble(`its staging counterpart ${named} ${MISSING[found]}`);
  const row: number[] = [];
  for (const record of history) {
    const kind = kindOf(record, manner);
    if (kind === 'says-nothing') continue;
    if (kind === 'failed' && row.length === 0) return trouble(failure(named, record));
    if (kind !== 'green') break;
    row.push(record.endedAt ?? now);
  }
  if (row.length < gate.green) return waits(null, lacking(gate, named, row.length));
  const opensAt = (row[row.length - gate.green] ?? now) + gate.soak;
  if (opensAt <= now) return OPEN;
  return waits(opensAt, `${named} rotated well and is watched until ${new Date(opensAt).toISOString()}`);
}

/** What a rotation of a counterpart shows. One at work without failure shows nothing yet. */
function kindOf(record: RotationRecord, manner: RotationManner): 'green' | 'failed' | 'other' | 'says-nothing' {
  const { cause, state, promotedAt, lastErrorClass } = record;
  if (isTemporary(record)) return 'says-nothing';
  if (cause === 'rollback') return promotedAt === null ? 'says-nothing' : 'failed';
  if (state === 'done') return isAlike(record, manner) ? 'green' : 'other';
  if (state === 'blocked' || state === 'rolled-back' || state === 'abandoned') return 'failed';
  return lastErrorClass === null ? 'says-nothing' : 'failed';
}

function isAlike(record: RotationRecord, manner: RotationManner): boolean {
  const sameStrategy = manner.strategy === null || record.strategy === manner.strategy;
  return sameStrategy && mannerDigest(record) === mannerDigest(manner);
}

function failure(named: string, { number, cause, state, lastError, waitingFor }: RotationRecord): string {
  if (cause === 'rollback') return `its staging counterpart ${named} was rolled back (${number}): let it rotate again`;
  const how = state === 'blocked' || state === 'rolled-back' || state === 'abandoned' ? `is ${state}` : 'fails';
  const said = (waitingFor ?? lastError ?? 'see its status').replace(/\.$/, '');
  return `rotation ${number} of its staging counterpart ${named} ${how} (${said}): mend that first`;
}

function lacking({ green }: Gate, named: string, has: number): string {
  const times = green === 1 ? 'once' : `${green} times in a row`;
  return `${named} must first rotate ${times} with the same rotator, strategy and settings, and has ${has === 0 ? 'not' : `${has === 1 ? 'once' : `${has} times`}`}`;
}

function trouble(why: string): Verdict & { open: false } {
  return { open: false, until: null, why, trouble: true };
}

function waits(until: number | null, why: string): Verdict & { open: false } {
  return { open: false, until, why, trouble: false };
}
