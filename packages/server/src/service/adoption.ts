import { CURRENT, type ProbeResult, type RotationFunction, type RotationPlan, type SecretRecord } from '@rekey/core';
import { findLabelled } from '../engine/versions.ts';
import { labelNotFound } from './refusals.ts';
import type { Trail } from './use-case.ts';

/** What a look at the target found out; nothing was changed there. */
export interface Adoption {
  readonly probe: ProbeResult;
  /** What a rotation would do; null if the function cannot say, or the current value is not accepted. */
  readonly plan: (RotationPlan & { readonly why: string }) | null;
}

/** How long a person waits for a target that does not answer. Milliseconds. */
const PATIENCE = 30_000;

/** Logs in with the current value, and asks what a rotation would do. */
export async function lookAtTarget(secret: SecretRecord, invoked: RotationFunction, trail: Trail): Promise<Adoption> {
  const current = findLabelled(secret, CURRENT);
  if (current === null) throw labelNotFound(CURRENT);
  trail.versionId = current.id;
  const signal = AbortSignal.timeout(PATIENCE);
  const probe = (await invoked.probe?.(secret.arn, current.id, { signal })) ?? unable(invoked);
  if (probe.outcome !== 'accepted' || invoked.plan === undefined) return { probe, plan: null };
  const fence = (secret.rotation?.number ?? 0) + 1;
  return { probe, plan: await invoked.plan(secret.arn, { fence, signal }) };
}

function unable({ name, lacks }: RotationFunction): ProbeResult {
  return { outcome: 'unclear', reason: lacks.probe ?? `${name} cannot look at its target.` };
}
