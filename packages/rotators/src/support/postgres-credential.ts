import { badMember, optionalPort, optionalText, parseCredential, requiredText } from './credential.ts';
import { alternateNameOf, checkRoleName } from './postgres-names.ts';
import { type TlsSettings, tlsSettings } from './postgres-tls.ts';

export const DEFAULT_PORT = 5432;
const ENGINES = ['postgres', 'postgresql', 'aurora-postgresql'];

/** A PostgreSQL login as the secret's JSON names it (members of AWS's rotation templates). */
export interface PostgresCredential {
  readonly host: string;
  readonly port: number;
  readonly username: string;
  readonly password: string;
  readonly dbname: string;
  readonly tls: TlsSettings;
  /** The role this one stands in for: set by rekey where `username` is an alternate role; null for an original. */
  readonly alternateOf: string | null;
}

/** @throws RotatorError `rejected-form` that names the member. */
export function postgresCredential(text: string): PostgresCredential {
  const fields = parseCredential(text);
  const engine = optionalText(fields, 'engine');
  if (engine !== null && !ENGINES.includes(engine)) throw badMember('engine', 'is not postgres');
  const username = checkRoleName(requiredText(fields, 'username'), 'username');
  const alternateOf = optionalText(fields, 'alternateOf');
  if (alternateOf !== null && alternateNameOf(alternateOf) !== username)
    throw badMember('alternateOf', 'does not belong to username');
  return {
    host: requiredText(fields, 'host'),
    port: optionalPort(fields, 'port', DEFAULT_PORT),
    username,
    password: requiredText(fields, 'password'),
    dbname: optionalText(fields, 'dbname') ?? 'postgres',
    tls: tlsSettings(fields),
    alternateOf,
  };
}

/** The role that owns everything: the credential's own, or the one it is the alternate of. */
export function originalOf(credential: PostgresCredential): string {
  return credential.alternateOf ?? credential.username;
}

/** `postgres://host:port`, the host as DNS compares it. */
export function targetOf(credential: Pick<PostgresCredential, 'host' | 'port'>): string {
  const host = credential.host.toLowerCase();
  return `postgres://${host.includes(':') && !host.startsWith('[') ? `[${host}]` : host}:${credential.port}`;
}
