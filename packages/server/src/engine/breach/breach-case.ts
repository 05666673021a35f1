import type { BreachCase } from '../../store/breach-record.ts';

/** A secret that holds, or held, what leaked. */
export function newCase(
  secret: { readonly id: string; readonly name: string },
  versionIds: readonly string[],
  part: string,
  now: number,
): BreachCase {
  return {
    secretId: secret.id,
    secretName: secret.name,
    versionIds,
    part,
    state: 'at-work',
    outcome: null,
    sentence: 'Just begun.',
    rotationIds: [],
    promotedAt: null,
    refusedAt: null,
    sessionsEnded: null,
    cutOff: [],
    holders: null,
    adminOf: null,
    vainLooks: 0,
    acceptedAt: null,
    nextLookAt: now,
    finishedAt: null,
  };
}
