import type { ProbeResult } from '@rekey/core';
import { type Login, withSession } from './postgres-connection.ts';
import { LoginFailure, outcomeOf } from './postgres-failure.ts';

/** One fresh login, and what the server's answer says of the credential. Runs no statement. */
export async function loginOutcome(login: Login, signal: AbortSignal): Promise<ProbeResult> {
  try {
    await withSession(login, signal, async () => undefined);
    return { outcome: 'accepted', reason: `${login.username} logged in` };
  } catch (error) {
    if (error instanceof LoginFailure) return outcomeOf(error);
    throw error;
  }
}
