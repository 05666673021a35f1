import { type Ended, type Finding, type RevokeRequest, type RevokeResult, RotatorError } from '@rekey/core';
import { MEMBERSHIP_OPTIONS_SINCE } from './postgres-alternate.ts';
import { adminOf, asAdmin, authorize, ProofNeeded, writeMark, writePassword } from './postgres-change.ts';
import { type Session, withSession } from './postgres-connection.ts';
import { originalOf, type PostgresCredential, postgresCredential, targetOf } from './postgres-credential.ts';
import { LoginFailure, outcomeOf } from './postgres-failure.ts';
import { loginOutcome } from './postgres-login.ts';
import { quoteIdentifier, quoteLiteral } from './postgres-names.ts';
import { readRoles } from './postgres-roles.ts';
import { fencedTransaction } from './postgres-transaction.ts';
import { verifierOfNoPassword } from './postgres-verifier.ts';

/** Longest wait for one session to end after it was told to; milliseconds. */
const END_WITHIN = 2_000;

/**
 * Gives the retired role a verifier that no password leads to, and ends its sessions where asked. A role that is
 * still in use (single-user: the old password died when the new one was set) has only sessions to end; one that is gone
 * has nothing to retire.
 */
export async function retire(request: RevokeRequest): Promise<RevokeResult> {
  const { context } = request;
  const retired = postgresCredential(request.retired);
  const current = postgresCredential(request.current);
  if (retired.username === current.username) return endOlder(request, current);
  const admin = adminOf({ ...context, strategy: 'single-user' }, current);
  if (admin === null) return retireItself(request, retired);
  return asAdmin(admin, context.signal, async (session) => {
    const findings = await scramble(session, request, retired);
    const ended = context.settings.endSessions ? await endSessions(session, retired.username) : NONE_ENDED;
    return { findings, ...ended };
  });
}

const NONE_ENDED: Ended = { endedSessions: 0 };

/** Whoever came in with the old password of a role that goes on is told from others by when they came. */
async function endOlder(request: RevokeRequest, current: PostgresCredential): Promise<RevokeResult> {
  const { context, sessionsOlderThan } = request;
  if (!context.settings.endSessions || sessionsOlderThan === undefined)
    return { findings: sessionsLeft(request, current), ...NONE_ENDED };
  const end = (session: Session) => endSessions(session, current.username, sessionsOlderThan);
  const admin = adminOf({ ...context, strategy: 'single-user' }, current);
  const ended =
    admin === null ? await withSession(current, context.signal, end) : await asAdmin(admin, context.signal, end);
  return { findings: [], ...ended };
}

/** Where no admin credential is named (any more), the retired role forgets its own password while it still knows it. */
async function retireItself(request: RevokeRequest, retired: PostgresCredential): Promise<RevokeResult> {
  const { context } = request;
  const verifier = verifierOfNoPassword(context.random);
  try {
    await withSession(retired, context.signal, (session) =>
      fencedTransaction(session, originalOf(retired), async () => {
        await session.query('SET LOCAL ROLE NONE');
        const role = (await readRoles(session, [retired.username])).roles.get(retired.username);
        if (role !== undefined && role.mark !== null) authorize(role, context, true);
        await writePassword(session, retired.username, verifier);
      }),
    );
  } catch (error) {
    if (!(error instanceof LoginFailure) || outcomeOf(error).outcome !== 'refused') throw error;
  }
  return { findings: sessionsLeft(request, retired), endedSessions: 0 };
}

/**
 * Sessions opened with the old password go on where nobody may end them, or where nothing tells them from those of the
 * new one: said, with the statement that ends them all.
 */
function sessionsLeft({ context }: RevokeRequest, { username }: PostgresCredential): readonly Finding[] {
  if (!context.settings.endSessions) return [];
  const text = `Sessions of ${username} opened with the old password were not ended`;
  const statement = `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = ${quoteLiteral(username)};`;
  return [{ kind: 'reported', text, statement }];
}

async function scramble(session: Session, { context }: RevokeRequest, retired: PostgresCredential) {
  const write = (proven: boolean) =>
    fencedTransaction(session, originalOf(retired), async () => {
      const { roles, asker } = await readRoles(session, [retired.username]);
      const role = roles.get(retired.username);
      if (role === undefined) return [];
      const findings = authorize(role, context, proven);
      await writePassword(session, role.name, verifierOfNoPassword(context.random, asker.iterations));
      const { secret, fence } = { secret: context.secret.arn, fence: context.fence };
      await writeMark(session, role, { secret, fence, alternateOf: retired.alternateOf });
      return findings;
    });
  try {
    return await write(false);
  } catch (error) {
    if (!(error instanceof ProofNeeded)) throw error;
  }
  const { outcome, reason } = await loginOutcome(retired, context.signal);
  if (outcome === 'refused') return [];
  if (outcome !== 'accepted')
    throw new RotatorError('unreachable', `Login of ${retired.username} at ${targetOf(retired)}: ${reason}`);
  return write(true);
}

/**
 * Ending somebody's sessions takes membership in their role, which the admin credential may give itself. It does so in
 * a transaction that is rolled back: the sessions stay ended, the membership was never there.
 */
async function endSessions(session: Session, role: string, olderThan: () => number = () => 0): Promise<Ended> {
  await session.query('BEGIN');
  try {
    const [allowed] = await session.query<{ allowed: boolean }>(
      `select pg_catalog.bool_or(pg_catalog.pg_has_role(r.oid, 'USAGE') or pg_catalog.pg_has_role('pg_signal_backend', 'USAGE')) as allowed
         from pg_catalog.pg_roles r where r.rolname = $1`,
      [role],
    );
    if (allowed?.allowed === false) await session.query(lendingStatement(session, role));
    const rows = await session.query<{ busy: boolean; ended: boolean }>(
      `select a.busy, pg_catalog.pg_terminate_backend(a.pid, ${END_WITHIN}) as ended
         from (select pid, coalesce(state, '') <> 'idle' as busy from pg_catalog.pg_stat_activity
                where usename = $1 and pid <> pg_catalog.pg_backend_pid()
                  and backend_start <= pg_catalog.statement_timestamp() - pg_catalog.make_interval(secs => $2)
               offset 0) a`,
      [role, olderThan() / 1_000],
    );
    const ended = rows.filter((row) => row.ended);
    return { endedSessions: ended.length, endedInFlight: ended.filter(({ busy }) => busy).length };
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

function lendingStatement({ version }: Session, role: string): string {
  const options = version >= MEMBERSHIP_OPTIONS_SINCE ? ' WITH INHERIT TRUE' : '';
  return `GRANT ${quoteIdentifier(role)} TO CURRENT_USER${options}`;
}
