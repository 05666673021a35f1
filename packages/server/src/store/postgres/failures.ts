import { RekeyError } from '@rekey/core';

/** SQLSTATE that {@link ./commit-function.ts} raises for a server two formats behind. */
export const TOO_OLD = 'RK001';

/** Transactions that PostgreSQL undid for the sake of another one: nothing was written, and it may be tried again. */
const UNDONE = new Set(['40001', '40P01']);

/** Of pg's own: a query that was not answered within `query_timeout`, which the server may yet finish. */
const NO_ANSWER = /Query read timeout/;
/** Of pg's own: the server asks for a password and there is none to answer with. */
const NO_PASSWORD = /client password must be a |^Password must be a string/;
/** Of pg's own: what server and client say to each other at the login does not fit. */
const LOGIN_FAILED = /^SASL: /;

interface DriverFailure {
  /** SQLSTATE (postgresql.org/docs/current/errcodes-appendix.html) or an error of the operating system. */
  readonly code?: string;
  readonly message?: string;
}

export function wasUndone(error: unknown): boolean {
  return UNDONE.has((error as DriverFailure).code ?? '');
}

/** Whether it was the connection that failed, so that another one may do: never an answer of the server's. */
export function wasCut(error: unknown): boolean {
  const { code, message = '' } = error as DriverFailure;
  if (code === undefined) return /^(Connection terminated|Client has encountered|timeout expired)/.test(message);
  return isOfSystem(code) || code.startsWith('08') || code.startsWith('57P');
}

/**
 * Words any failure as one of a driver's own. The texts of pg and of PostgreSQL stay out: they may hold what was asked,
 * or whom they were asked by.
 */
export function failureOf(error: unknown, place: string): RekeyError {
  if (error instanceof RekeyError) return error;
  const { code = '', message = '' } = error as DriverFailure;
  const found = SENTENCES.find(({ codes }) => codes.test(code));
  if (found !== undefined) return new RekeyError(found.error, found.message(place, code), { reason: found.reason });
  if (NO_ANSWER.test(message)) return unanswered(place);
  if (NO_PASSWORD.test(message)) return withoutPassword(place);
  if (LOGIN_FAILED.test(message)) return failedLogin(place);
  return unreachable(place, code === '' ? 'the connection was lost' : code);
}

interface Sentence {
  readonly codes: RegExp;
  readonly error: 'unavailable' | 'storage-full' | 'integrity';
  readonly reason: string;
  readonly message: (place: string, code: string) => string;
}

const SENTENCES: readonly Sentence[] = [
  {
    codes: /^53100$/,
    error: 'storage-full',
    reason: 'storage-full',
    message: (place) => `The disk of PostgreSQL at ${place} is full; make room on it, rekey goes on by itself.`,
  },
  {
    codes: /^XX00[12]$/,
    error: 'integrity',
    reason: 'store-damaged',
    message: (place, code) =>
      `The store in PostgreSQL at ${place} is damaged (${code}); stop rekey and restore a backup.`,
  },
  {
    codes: /^(42P01|42883|3F000)$/,
    error: 'integrity',
    reason: 'store-incomplete',
    message: (place) =>
      `Tables of the store in PostgreSQL at ${place} are missing; restore its schema, or run \`rekey serve --init\` on an empty one.`,
  },
  {
    codes: new RegExp(`^${TOO_OLD}$`),
    error: 'unavailable',
    reason: 'store-newer',
    message: (place) =>
      `The store in PostgreSQL at ${place} was taken over by a rekey two store formats newer; run that one here too.`,
  },
  {
    codes: /^(28000|28P01)$/,
    error: 'unavailable',
    reason: 'store-refuses-login',
    message: (place) =>
      `PostgreSQL at ${place} refuses rekey's login; check user and password (PGPASSWORD, passfile or REKEY_STORE_URL) and pg_hba.conf.`,
  },
  {
    codes: /^42501$/,
    error: 'unavailable',
    reason: 'store-missing-privilege',
    message: (place) =>
      `The user of rekey may not do at ${place} what it must; make it the owner of the store's schema (and give it CREATE on the database to make one).`,
  },
  {
    codes: /^25006$/,
    error: 'unavailable',
    reason: 'store-read-only',
    message: (place) => `PostgreSQL at ${place} takes no writes (a standby?); give rekey the address of the primary.`,
  },
  {
    codes: /^53300$/,
    error: 'unavailable',
    reason: 'store-connections',
    message: (place) => `PostgreSQL at ${place} has no connection left; raise max_connections there.`,
  },
  {
    codes: /^(57014|55P03)$/,
    error: 'unavailable',
    reason: 'store-timeout',
    message: (place) => unanswered(place).message,
  },
];

function unanswered(place: string): RekeyError {
  const message = `PostgreSQL at ${place} took too long to answer; look at its load and at what holds locks there.`;
  return new RekeyError('unavailable', message, { reason: 'store-timeout' });
}

function withoutPassword(place: string): RekeyError {
  const message = `PostgreSQL at ${place} asks for a password, and none was given: set PGPASSWORD, PGPASSFILE or REKEY_STORE_URL (the target of rekey migrate: REKEY_MIGRATE_TO).`;
  return new RekeyError('unavailable', message, { reason: 'store-without-password' });
}

function failedLogin(place: string): RekeyError {
  const message = `The login at PostgreSQL at ${place} came to no end that can be trusted; check that it is the server you mean, and its method in pg_hba.conf.`;
  return new RekeyError('unavailable', message, { reason: 'store-login-failed' });
}

function unreachable(place: string, detail: string): RekeyError {
  const message = isAnswer(detail)
    ? `PostgreSQL at ${place} failed (${detail}); look at its log and try again.`
    : `PostgreSQL at ${place} cannot be reached (${detail}); check that it runs and that the network lets rekey through.`;
  return new RekeyError('unavailable', message, { reason: isAnswer(detail) ? 'store-failure' : 'store-unreachable' });
}

/** Five characters, of which the class says that the server was there to answer; 08 and 57P are lost connections. */
function isAnswer(code: string): boolean {
  return /^[0-9A-Z]{5}$/.test(code) && !isOfSystem(code) && !code.startsWith('08') && !code.startsWith('57P');
}

/** Of the operating system: ECONNREFUSED, EPIPE, and the like. */
function isOfSystem(code: string): boolean {
  return /^E[A-Z_]{3,}$/.test(code) && !/\d/.test(code);
}
