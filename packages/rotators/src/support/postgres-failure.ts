import { type ProbeResult, RotatorError, type RotatorErrorClass, type RotatorErrorOptions } from '@rekey/core';

/** What was seen on the wire while a login failed. */
export interface LoginTrace {
  /** The server said AuthenticationOk: it has checked the credential, whatever it said next. */
  readonly authenticated: boolean;
  readonly tlsDeclined: boolean;
  readonly timedOut: boolean;
  /** The connection was gone when the driver gave up. */
  readonly closed: boolean;
}

/** A login that did not become a session. Its message never contains the driver's text beyond what the server said. */
export class LoginFailure extends Error {
  readonly sqlState: string | null;
  readonly authenticated: boolean;
  readonly tlsDeclined: boolean;
  /** True when the network failed or time ran out, before or instead of an answer. */
  readonly silent: boolean;

  /** Denied for another reason than who logs in: too many connections, no such database, no CONNECT. */
  get passwordAccepted(): boolean {
    return this.authenticated && this.sqlState !== null && !this.sqlState.startsWith('28');
  }

  constructor(message: string, sqlState: string | null, trace: LoginTrace, silent: boolean) {
    super(message);
    this.name = 'LoginFailure';
    this.sqlState = sqlState;
    this.authenticated = trace.authenticated;
    this.tlsDeclined = trace.tlsDeclined;
    this.silent = silent;
  }
}

/** A session that broke, or answered too late: whether the statement took effect is not known. */
export class SessionLost extends Error {}

export function loginFailure(error: unknown, trace: LoginTrace): LoginFailure {
  const sqlState = sqlStateOf(error);
  if (sqlState !== null) return new LoginFailure(`SQLSTATE ${sqlState}: ${textOf(error)}`, sqlState, trace, false);
  if (trace.timedOut) return new LoginFailure('no answer in time', null, trace, true);
  if (trace.tlsDeclined) return new LoginFailure('the server does not offer TLS', null, trace, false);
  return new LoginFailure(textOf(error), null, trace, trace.closed || hasSystemCode(error));
}

/** Failures of sockets and of TLS carry a code of Node's; what a driver finds wrong in an answer does not. */
function hasSystemCode(error: unknown): boolean {
  return error instanceof Error && 'code' in error;
}

/** The server's five-character code; null for what did not come from a server. (`EPIPE` has five characters, too.) */
export function sqlStateOf(error: unknown): string | null {
  if (!(error instanceof Error) || !('severity' in error) || !('code' in error)) return null;
  return typeof error.code === 'string' && /^[0-9A-Z]{5}$/.test(error.code) ? error.code : null;
}

/**
 * What a failed login says of the credential, by SQLSTATE and by whether the server had said AuthenticationOk, never
 * by message: messages are translated, and poolers word their own. PostgreSQL manual, appendix A.
 */
export function outcomeOf(failure: LoginFailure): ProbeResult {
  const reason = failure.message;
  if (failure.passwordAccepted) return { outcome: 'accepted', reason: `Logged in, but got no session: ${reason}` };
  if (failure.sqlState === '28P01')
    return { outcome: 'refused', reason: `${reason} (wrong password, VALID UNTIL in the past or no such role)` };
  if (failure.sqlState === '28000')
    return { outcome: 'unclear', reason: `${reason} (no line of pg_hba.conf lets it in, or the role has no LOGIN)` };
  if (failure.silent || failure.sqlState?.startsWith('57')) return { outcome: 'unreachable', reason };
  return { outcome: 'unclear', reason };
}

/** A failed login as the failure of a step. */
export function loginError(failure: LoginFailure, who: string, options: RotatorErrorOptions = {}): RotatorError {
  const { outcome, reason } = outcomeOf(failure);
  const message = `Login of ${who} failed: ${reason}`;
  if (outcome === 'refused') return new RotatorError('refused-login', message, options);
  if (failure.passwordAccepted && failure.sqlState === '42501')
    return new RotatorError('missing-privilege', message, { nextAction: 'Grant the role CONNECT on the database.' });
  if (failure.passwordAccepted && failure.sqlState === '3D000')
    return new RotatorError('rejected-form', message, {
      nextAction: "Correct the member dbname of the secret's value.",
    });
  return new RotatorError('unreachable', message);
}

/** Any failure while working at the server, classed. Never carries the driver's error along. */
export function statementError(error: unknown, operation: string, target: string): RotatorError {
  if (error instanceof RotatorError) return error;
  if (error instanceof LoginFailure) return loginError(error, `the credential at ${target}`);
  const sqlState = sqlStateOf(error);
  const said = sqlState === null ? textOf(error) : `SQLSTATE ${sqlState}: ${textOf(error)}`;
  return new RotatorError(classOf(error, sqlState), `${operation} at ${target} failed: ${said}`);
}

function classOf(error: unknown, sqlState: string | null): RotatorErrorClass {
  if (sqlState === null) return error instanceof SessionLost ? 'unreachable' : 'bug';
  if (sqlState === '42501') return 'missing-privilege';
  if (sqlState === '25006') return 'unreachable';
  if (sqlState.startsWith('22')) return 'rejected-value';
  if (BUSY.has(sqlState) || BUSY_CLASSES.has(sqlState.slice(0, 2))) return 'unreachable';
  return 'bug';
}

/** Lock not available; tuple concurrently updated (XX000) is PostgreSQL's way to say the same of a catalogue row. */
const BUSY = new Set(['55P03', '55006', 'XX000']);
/** Connection, transaction rollback, resources, operator intervention: pass by themselves. */
const BUSY_CLASSES = new Set(['08', '25', '40', '53', '57', '58']);

function textOf(error: unknown): string {
  return error instanceof Error ? error.message || String('code' in error ? error.code : error.name) : String(error);
}
