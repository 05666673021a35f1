import type { RotationRecord, SecretRecord } from '@rekey/core';
import { CURRENT, PENDING } from '@rekey/core';
import type { Verdict } from '../rotation/evidence.ts';
import { findLabelled } from '../versions.ts';

/** What becomes of a leftover pending version. */
export type Unsticking =
  /** Nothing is left pending, or it is being worked on. */
  | { readonly do: 'nothing'; readonly sentence: string }
  /** The rotation that made it is blocked over a value that was there before: try again. */
  | { readonly do: 'resume'; readonly versionId: string }
  /** It has no value, so that no target ever heard of it. */
  | { readonly do: 'drop'; readonly versionId: string }
  /** Only logins can say. */
  | { readonly do: 'look'; readonly versionId: string };

/** What can be said of a leftover pending version without looking at its target. Pure. */
export function unsticking(
  secret: SecretRecord,
  { active, queued }: { readonly active: RotationRecord | null; readonly queued: RotationRecord | null },
): Unsticking {
  const pending = findLabelled(secret, PENDING);
  if (pending === null || pending.labels.includes(CURRENT))
    return { do: 'nothing', sentence: `Nothing is left pending on ${secret.name}.` };
  const owner = [active, queued].find((record) => record?.versionId === pending.id && record.promotedAt === null);
  if (owner != null && owner.state !== 'blocked')
    return {
      do: 'nothing',
      sentence: `Version ${pending.id} is pending because rotation ${owner.number} is at work on it${owner.waitingFor === null ? '.' : `: ${owner.waitingFor}`}`,
    };
  if (owner?.cause === 'rollback' || owner?.cause === 'drift') return { do: 'resume', versionId: pending.id };
  return { do: pending.hasValue ? 'look' : 'drop', versionId: pending.id };
}

/** `promote`: a rotation goes on with it. `drop`: the label goes, the value is kept. `leave`: nothing is changed. */
export interface Outcome {
  readonly do: 'promote' | 'drop' | 'leave';
  /** What was seen, and what to do about it. */
  readonly sentence: string;
}

/** What each verdict of the target leads to. */
export const OUTCOMES: Readonly<Record<Verdict, Outcome>> = {
  taken: {
    do: 'promote',
    sentence: 'The target accepts the pending value: a rotation tests it and promotes it.',
  },
  'not-taken': {
    do: 'drop',
    sentence: 'The target refuses the pending value and accepts the current one: the label pending was taken off.',
  },
  refused: {
    do: 'leave',
    sentence:
      'The target refuses the pending value, but it could not be seen whether the current one logs in: nothing was changed; ask again later.',
  },
  'could-not-look': {
    do: 'leave',
    sentence:
      'It could not be seen whether the target accepts the pending value: nothing was changed; ask again later.',
  },
  'put-back': {
    do: 'leave',
    sentence:
      'The target accepts only the value before the current one: nothing was changed; repair the current value, or roll back.',
  },
  lost: {
    do: 'leave',
    sentence:
      'The target refuses the pending value, the current one and the one before: nothing was changed; repair the current value, or put the one it accepts.',
  },
};
