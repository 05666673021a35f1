import { PREVIOUS, type ProbeResult } from '@rekey/core';
import { type HeldBack, probeWithinBudget } from '../target/login.ts';
import { findLabelled } from '../versions.ts';
import { type Candidate, type Evidence, type Verdict, weigh } from './evidence.ts';
import type { Work } from './work.ts';

/** What logins said of a doubt, and the reason the last of them gave. */
export interface Finding {
  readonly verdict: Verdict;
  readonly reason: string;
}

/**
 * Tries what the target may hold, one login at a time, until it is known what became of a step. That *current* is tried
 * after a refusal is proof that nothing changed, and ends the row of refusals that the target counts.
 */
export async function lookInto(work: Work): Promise<Finding | HeldBack> {
  let evidence: Evidence = {};
  let reason = 'There is nothing to try.';
  for (;;) {
    const weighed = weigh(evidence);
    if ('verdict' in weighed) return { verdict: weighed.verdict, reason };
    const candidate = weighed.tryNext;
    const looked = await look(work, candidate);
    if ('heldBackUntil' in looked && candidate === 'pending') return looked;
    const outcome = 'heldBackUntil' in looked ? 'unclear' : looked.outcome;
    if (!('heldBackUntil' in looked)) reason = looked.reason;
    evidence = { ...evidence, [candidate]: outcome };
  }
}

async function look(
  work: Work,
  candidate: Candidate,
): Promise<{ readonly outcome: ProbeResult['outcome'] | 'absent'; readonly reason: string } | HeldBack> {
  const { rotationFunction, secret } = work;
  const versionId = versionOf(work, candidate);
  if (versionId === null) return { outcome: 'absent', reason: `There is no ${candidate} value.` };
  const unable: ProbeResult = { outcome: 'unclear', reason: 'there is no probe' };
  const probed = await probeWithinBudget(
    work,
    { what: 'probe', versionId },
    async (signal) => (await rotationFunction.probe?.(secret.arn, versionId, { signal })) ?? unable,
  );
  return 'failure' in probed
    ? { outcome: 'unclear', reason: probed.failure.message }
    : 'heldBackUntil' in probed
      ? probed
      : probed.answer;
}

/** What the record calls previous is what is current until it promotes. */
function versionOf({ entry, secret }: Work, candidate: Candidate): string | null {
  const { versionId, previousVersionId } = entry.record;
  if (candidate === 'pending') return versionId;
  if (candidate === 'current') return previousVersionId;
  const before = findLabelled(secret, PREVIOUS)?.id ?? null;
  return before === versionId || before === previousVersionId ? null : before;
}
