import {
  CURRENT,
  type ProbeResult,
  RekeyError,
  type RotationFunction,
  type RotationPlan,
  type SecretRecord,
} from '@rekey/core';
import { findSecretById } from '../engine/secret-lookup.ts';
import type { TargetLook } from '../engine/target/target-look.ts';
import { findLabelled, findVersion } from '../engine/versions.ts';
import type { Store } from '../store/store.ts';
import { adminOf } from './admin-credential.ts';
import { labelNotFound, versionNotFound } from './refusals.ts';
import type { Trail } from './use-case.ts';

/** What a look at the target found out; nothing was changed there. */
export interface Adoption {
  readonly probe: ProbeResult;
  /** What its target says of the admin credential that the value names; null if it names none, or nothing can look. */
  readonly admin: (ProbeResult & { readonly name: string }) | null;
  /** What a rotation would do; null if the function cannot say, or a credential is not accepted. */
  readonly plan: (RotationPlan & { readonly why: string }) | null;
}

export interface LookParts {
  readonly store: Store;
  readonly look: TargetLook;
}

/** How long a person waits for a target that does not answer. Milliseconds. */
const PATIENCE = 30_000;

/**
 * Logs in with the current value and with the admin credential it names, within the budget of logins, and asks what a
 * rotation would do. Of a function that has no login to try, only the plan is asked.
 */
export async function lookAtTarget(
  secret: SecretRecord,
  invoked: RotationFunction,
  { store, look }: LookParts,
  trail: Trail,
): Promise<Adoption> {
  const current = findLabelled(secret, CURRENT);
  if (current === null) throw labelNotFound(CURRENT);
  trail.versionId = current.id;
  const probe = await look.look(invoked, secret, current.id);
  const admin = probe.outcome === 'accepted' ? await lookAtAdmin(secret, invoked, { store, look }) : null;
  const accepted = probe.outcome === 'accepted' && (admin === null || admin.outcome === 'accepted');
  const mayPlan = accepted || invoked.probe === undefined;
  if (!mayPlan || invoked.plan === undefined) return { probe, admin, plan: null };
  const until = await look.adminHeldBack(invoked, secret, current.id);
  if (until !== null) throw new RekeyError('unavailable', until, { reason: 'login-budget-spent' });
  const fence = (secret.rotation?.number ?? 0) + 1;
  const asked = invoked.plan(secret.arn, { fence, signal: AbortSignal.timeout(PATIENCE) });
  return { probe, admin, plan: await look.notingAdmin(invoked, secret, current.id, asked) };
}

/** Logs in with one version, whatever label it has: a value is proven before it becomes current. */
export async function lookAtVersion(
  secret: SecretRecord,
  invoked: RotationFunction,
  { look }: LookParts,
  versionId: string,
): Promise<Adoption> {
  if (findVersion(secret, versionId) === null) throw versionNotFound(versionId);
  return { probe: await look.look(invoked, secret, versionId), admin: null, plan: null };
}

async function lookAtAdmin(
  secret: SecretRecord,
  invoked: RotationFunction,
  { store, look }: LookParts,
): Promise<Adoption['admin']> {
  const named = await adminOf(store, secret);
  if (named === null || invoked.probe === undefined) return null;
  const admin = (await findSecretById(store, named))?.record ?? null;
  const current = admin === null ? null : findLabelled(admin, CURRENT);
  if (admin === null || current === null)
    return { name: named, outcome: 'unclear', reason: 'there is no such secret with a current value' };
  return { name: named, ...(await look.look(invoked, admin, current.id)) };
}
