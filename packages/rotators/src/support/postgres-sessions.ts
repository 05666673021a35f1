import type { SessionsRequest, SessionsResult } from '@rekey/core';
import { adminOf, asAdmin } from './postgres-change.ts';
import { type Session, withSession } from './postgres-connection.ts';
import { postgresCredential } from './postgres-credential.ts';

/**
 * Sessions that the held credential's role has open anywhere on the server. Everybody may see whose a session is, if not
 * what it does (pg_stat_activity masks its other columns), so that any login will do: the admin credential's, or where
 * none is named the current one. A role that is in use by both credentials tells nothing.
 */
export async function countSessions({ context, held, current }: SessionsRequest): Promise<SessionsResult> {
  const { username } = postgresCredential(held);
  const now = postgresCredential(current);
  if (username === now.username) return { sessions: null };
  const admin = adminOf({ ...context, strategy: 'single-user' }, now);
  const count = (session: Session) => sessionsOf(session, username);
  const sessions =
    admin === null ? await withSession(now, context.signal, count) : await asAdmin(admin, context.signal, count);
  return { sessions };
}

async function sessionsOf(session: Session, role: string): Promise<number> {
  const [row] = await session.query<{ open: number }>(
    `select pg_catalog.count(*)::int as open from pg_catalog.pg_stat_activity a
      where a.usename = $1 and a.pid <> pg_catalog.pg_backend_pid()`,
    [role],
  );
  return row?.open ?? 0;
}
