import type { ProbeRequest, ProbeResult, Rotator } from '@rekey/core';
import { withFields } from './support/credential.ts';
import { newPassword } from './support/password.ts';
import { successorOf } from './support/postgres-change.ts';
import { testPending } from './support/postgres-comparison.ts';
import { postgresCredential, targetOf } from './support/postgres-credential.ts';
import { statementError } from './support/postgres-failure.ts';
import { loginOutcome } from './support/postgres-login.ts';
import { planRotation } from './support/postgres-plan.ts';
import { retire } from './support/postgres-retirement.ts';
import { countSessions } from './support/postgres-sessions.ts';
import { setPending } from './support/postgres-set.ts';

/**
 * Passwords of PostgreSQL roles, server 15 and later.
 *
 * - `single-user`: the role gets a new password; the admin credential (masterarn) changes it, or without one the role
 *   itself. Between that and the promotion, new logins with the old password are refused.
 * - `alternating-users`: the original role and an alternate that is a member of it and acts as it from login on take
 *   turns; the old one stays valid until it is revoked. Needs an admin credential with CREATEROLE (since 16 also ADMIN
 *   on the original role).
 *
 * The server only ever receives a SCRAM verifier. Each change is fenced by an advisory lock and the number of the
 * rotation in the role's comment. Needs the package `pg`, loaded on first use.
 */
export function postgres(): Rotator {
  return {
    name: 'postgres',
    strategies: ['single-user', 'alternating-users'],
    lacks: {},
    target: (credential) => targetOf(postgresCredential(credential)),
    plan: (request) => classed('Looking at the roles', request.current, () => planRotation(request)),
    create: async ({ context, current }) => {
      const { username, alternateOf } = successorOf(context, postgresCredential(current));
      const password = newPassword(context.random);
      return { pending: withFields(current, { username, password, alternateOf: alternateOf ?? undefined }) };
    },
    set: (request) => classed('Setting the new password', request.current, () => setPending(request)),
    test: (request) => classed('Testing the new login', request.current, () => testPending(request)),
    revoke: (request) => classed('Retiring the old login', request.current, () => retire(request)),
    probe: probeLogin,
    sessions: (request) => classed('Counting sessions', request.current, () => countSessions(request)),
    decoy: (credential, random) => withFields(credential, { password: newPassword(random) }),
  };
}

async function probeLogin({ credential, signal }: ProbeRequest): Promise<ProbeResult> {
  return loginOutcome(postgresCredential(credential), signal);
}

/** Runs a step; whatever it throws leaves as a classed failure without the driver's error. */
async function classed<T>(operation: string, current: string, step: () => Promise<T>): Promise<T> {
  try {
    return await step();
  } catch (error) {
    throw statementError(error, operation, targetOf(postgresCredential(current)));
  }
}
