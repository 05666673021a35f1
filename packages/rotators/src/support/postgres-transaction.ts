import { createHash } from 'node:crypto';
import type { Session } from './postgres-connection.ts';
import { sqlStateOf } from './postgres-failure.ts';

/**
 * Longest wait for another session's lock; milliseconds. Two workers on one role wait for each other here, so it must
 * outlast one change; applications that wait behind us for a catalogue row must not notice.
 */
const LOCK_WITHIN = 3_000;
const STATEMENT_WITHIN = 10_000;
/**
 * How long the server lets an open transaction of ours be silent; milliseconds. A worker that was paused between
 * asking and writing finds its transaction rolled back, so it cannot wake up later and write.
 */
const SILENT_WITHIN = 15_000;

/**
 * Names resolve to the server's own functions and operators only: a database the admin credential logs in to may
 * belong to people who define their own `=` (CVE-2018-1058).
 */
const OWN_NAMES_ONLY = 'SET LOCAL search_path TO pg_catalog, pg_temp';

/** One transaction that holds the advisory lock of the role; rolled back when the work fails. */
export async function fencedTransaction<T>(session: Session, role: string, work: () => Promise<T>): Promise<T> {
  await session.query(
    [
      'BEGIN',
      OWN_NAMES_ONLY,
      `SET LOCAL lock_timeout = ${LOCK_WITHIN}`,
      `SET LOCAL statement_timeout = ${STATEMENT_WITHIN}`,
      `SET LOCAL idle_in_transaction_session_timeout = ${SILENT_WITHIN}`,
      `SELECT pg_catalog.pg_advisory_xact_lock(${lockKey(role)})`,
    ].join('; '),
  );
  try {
    const result = await work();
    await session.query('COMMIT');
    return result;
  } catch (error) {
    await session.query('ROLLBACK').catch(() => undefined);
    throw error;
  }
}

/**
 * Reads in one transaction and leaves nothing behind: settings are local to it, because behind a pooler the session
 * goes on to serve somebody else.
 */
export async function readingTransaction<T>(session: Session, work: () => Promise<T>): Promise<T> {
  await session.query(`BEGIN READ ONLY; ${OWN_NAMES_ONLY}; SET LOCAL statement_timeout = ${STATEMENT_WITHIN}`);
  try {
    return await work();
  } finally {
    await session.query('ROLLBACK').catch(() => undefined);
  }
}

/** Runs a statement that may be refused without spoiling the transaction; tells whether it took effect. */
export async function tryStatement(session: Session, statement: string): Promise<boolean> {
  await session.query('SAVEPOINT before_statement');
  try {
    await session.query(`${statement}; RELEASE SAVEPOINT before_statement`);
    return true;
  } catch (error) {
    if (sqlStateOf(error) === null) throw error;
    await session.query('ROLLBACK TO SAVEPOINT before_statement');
    return false;
  }
}

/** A 64-bit key of its own for each role, as pg_advisory_xact_lock takes it. */
function lockKey(role: string): bigint {
  return createHash('sha256').update(`rekey role ${role}`).digest().readBigInt64BE(0);
}
