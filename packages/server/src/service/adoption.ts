import {
  CURRENT,
  type ProbeResult,
  RekeyError,
  type RotationFunction,
  type RotationPlan,
  type SecretRecord,
} from '@rekey/core';
import type { TargetLook } from '../engine/target/target-look.ts';
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

/**
 * Logs in with the current value, within the budget of logins, and asks what a rotation would do. Of a function that
 * has no login to try, only the plan is asked.
 */
export async function lookAtTarget(
  secret: SecretRecord,
  invoked: RotationFunction,
  look: TargetLook,
  trail: Trail,
): Promise<Adoption> {
  const current = findLabelled(secret, CURRENT);
  if (current === null) throw labelNotFound(CURRENT);
  trail.versionId = current.id;
  const probe = await look.look(invoked, secret, current.id);
  const mayPlan = probe.outcome === 'accepted' || invoked.probe === undefined;
  if (!mayPlan || invoked.plan === undefined) return { probe, plan: null };
  const until = await look.adminHeldBack(invoked, secret, current.id);
  if (until !== null) throw new RekeyError('unavailable', until, { reason: 'login-budget-spent' });
  const fence = (secret.rotation?.number ?? 0) + 1;
  const asked = invoked.plan(secret.arn, { fence, signal: AbortSignal.timeout(PATIENCE) });
  return { probe, plan: await look.notingAdmin(invoked, secret, current.id, asked) };
}
