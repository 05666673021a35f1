import { inspect } from 'node:util';
import { RekeyError } from '@rekey/core';

/** Schema a store lives in unless the URL names one with `?schema=`. */
export const DEFAULT_SCHEMA = 'rekey';
/** Also the name of a channel, with a prefix, within PostgreSQL's 63 bytes. */
const SCHEMA = /^[a-z_][a-z0-9_]{0,47}$/;

/**
 * Where a store is: a `postgres://` URL, with TLS options as libpq has them (`sslmode`, `sslrootcert`, `sslcert`,
 * `sslkey`). Without a password in it, PGPASSWORD or the passfile (PGPASSFILE, `~/.pgpass`) is used. Never printed
 * with its password, whoever prints it.
 */
export class PostgresAddress {
  /** Host, port and database, for messages. */
  readonly place: string;
  readonly schema: string;
  readonly hasPassword: boolean;
  readonly #url: string;

  private constructor(url: URL) {
    this.schema = url.searchParams.get('schema') ?? DEFAULT_SCHEMA;
    this.hasPassword = url.password !== '' || url.searchParams.has('password');
    const host = url.hostname || url.searchParams.get('host') || 'localhost';
    this.place = `${host}:${url.port || '5432'}${url.pathname}`;
    url.searchParams.delete('schema');
    this.#url = url.href;
  }

  /** @throws RekeyError `invalid-input`; the text is not repeated in it, there may be a password inside. */
  static parse(text: string): PostgresAddress {
    const url = URL.canParse(text) ? new URL(text) : null;
    if (url === null || !/^postgres(ql)?:$/.test(url.protocol))
      throw wrong('The store must be named as postgres://USER@HOST:PORT/DATABASE.');
    const address = new PostgresAddress(url);
    if (!SCHEMA.test(address.schema))
      throw wrong(
        'The schema of a store has small letters, digits and _ only, 48 at most: postgres://…/DATABASE?schema=NAME.',
      );
    return address;
  }

  /** What pg connects with. Holds the password: for pg only. */
  connectionString(): string {
    return this.#url;
  }

  /** The URL as others may see it: enough to connect, given the password. */
  withoutPassword(): string {
    const url = new URL(this.#url);
    url.password = '';
    url.searchParams.delete('password');
    url.searchParams.set('schema', this.schema);
    return url.href;
  }

  toString(): string {
    return `postgres://${this.place}`;
  }

  toJSON(): string {
    return this.toString();
  }

  [inspect.custom](): string {
    return this.toString();
  }
}

function wrong(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'wrong-use' });
}
