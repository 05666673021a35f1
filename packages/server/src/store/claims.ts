import type { Claim, ClaimRequest } from './driver.ts';

/**
 * The rules of claims, pure; drivers keep the standing and apply what these return.
 * What stands under a key; it outlives releases, so that its fence never starts again.
 */
export interface ClaimStanding {
  /** Null when released. */
  readonly holder: string | null;
  readonly fence: number;
  readonly until: number;
}

/** Null if somebody else holds it. Taking what was free or had expired raises the fence, whoever takes it. */
export function takeClaim(standing: ClaimStanding | null, request: ClaimRequest): Claim | null {
  const { key, holder, now, milliseconds } = request;
  const until = now + milliseconds;
  if (standing === null) return { key, holder, fence: 1, until };
  const held = standing.holder !== null && standing.until > now;
  if (!held) return { key, holder, fence: standing.fence + 1, until };
  if (standing.holder !== holder) return null;
  return { key, holder, fence: standing.fence, until: Math.max(standing.until, until) };
}

/** Null if it was released or taken by somebody else. One that expired and that nobody took is still ours. */
export function renewClaim(
  standing: ClaimStanding | null,
  claim: Claim,
  request: { readonly now: number; readonly milliseconds: number },
): Claim | null {
  if (!isOurs(standing, claim)) return null;
  return { ...claim, until: Math.max(standing.until, request.now + request.milliseconds) };
}

/** Null: nothing to release. */
export function releaseClaim(standing: ClaimStanding | null, claim: Claim): ClaimStanding | null {
  return isOurs(standing, claim) ? { holder: null, fence: standing.fence, until: 0 } : null;
}

function isOurs(standing: ClaimStanding | null, claim: Claim): standing is ClaimStanding {
  return standing !== null && standing.holder === claim.holder && standing.fence === claim.fence;
}
