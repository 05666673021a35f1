import { RekeyClientError } from '../errors.ts';
import type { RotatingSecret } from '../rotating-secret.ts';

/** What PostgreSQL is logged in to with. What is left out comes from the pool's options. */
export interface PostgresLogin {
  readonly user: string;
  readonly password: string;
  readonly host?: string | undefined;
  readonly port?: number | undefined;
  readonly database?: string | undefined;
  readonly ssl?: boolean | undefined;
}

/**
 * Reads the fields that AWS's and rekey's database secrets have: `username`, `password`, `host`, `port`, `dbname`, `ssl`.
 *
 * @throws RekeyClientError `no-value` naming the field, never its content.
 */
export function postgresLogin(value: unknown, secretId: string): PostgresLogin {
  const fields = (typeof value === 'object' && value !== null ? value : {}) as Record<string, unknown>;
  return {
    user: required(fields, 'username', secretId),
    password: required(fields, 'password', secretId),
    host: optional(fields, 'host', secretId),
    port: portOf(fields, secretId),
    database: optional(fields, 'dbname', secretId),
    ssl: flagOf(fields, secretId),
  };
}

function required(fields: Readonly<Record<string, unknown>>, name: string, secretId: string): string {
  const text = optional(fields, name, secretId);
  if (text !== undefined && text !== '') return text;
  throw wrongField(name, secretId, 'must be there and not empty');
}

function optional(fields: Readonly<Record<string, unknown>>, name: string, secretId: string): string | undefined {
  const value = fields[name];
  if (value === undefined || value === null) return undefined;
  if (typeof value === 'string') return value;
  throw wrongField(name, secretId, 'must be text');
}

function portOf(fields: Readonly<Record<string, unknown>>, secretId: string): number | undefined {
  if (fields.port === undefined || fields.port === null || fields.port === '') return undefined;
  const port = Number(fields.port);
  if (Number.isInteger(port) && port > 0 && port < 65_536) return port;
  throw wrongField('port', secretId, 'must be a port number');
}

/** AWS's templates write a boolean; people write text. */
function flagOf(fields: Readonly<Record<string, unknown>>, secretId: string): boolean | undefined {
  const { ssl } = fields;
  if (ssl === undefined || ssl === null || ssl === '') return undefined;
  if (ssl === true || ssl === 'true') return true;
  if (ssl === false || ssl === 'false') return false;
  throw wrongField('ssl', secretId, 'must be true or false');
}

function wrongField(name: string, secretId: string, rule: string): RekeyClientError {
  return new RekeyClientError('no-value', `Field "${name}" of ${secretId} ${rule} to log in to PostgreSQL.`);
}

/** The login for the next connection and the version it came from, or why there is none. Never throws: pg's pool would not survive it. */
export type NextLogin =
  | { readonly versionId: string; readonly login: PostgresLogin; readonly failure: null }
  | { readonly versionId: null; readonly login: null; readonly failure: RekeyClientError };

/** Reads version and login in one go, so that user and password belong together. */
export function nextLogin<T>(secret: RotatingSecret<T>, loginOf: (value: T) => PostgresLogin): NextLogin {
  try {
    const version = secret.current();
    return { versionId: version.versionId, login: loginOf(version.value), failure: null };
  } catch (error) {
    return { versionId: null, login: null, failure: loginFailure(error, secret.secretId) };
  }
}

/** What a user's own function throws is not shown: it may quote the value. */
function loginFailure(error: unknown, secretId: string): RekeyClientError {
  if (error instanceof RekeyClientError) return error;
  return new RekeyClientError(
    'no-value',
    `The login option could not read ${secretId}; what it threw is not shown, as it may hold the value.`,
  );
}
