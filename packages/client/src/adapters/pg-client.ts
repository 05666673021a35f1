import type { Client, ClientConfig } from 'pg';
import type { NextLogin, PostgresLogin } from './pg-login.ts';

/** What clients ask of the pool they are made for. */
export interface Logins {
  /** Taken once for each connection. */
  next(): NextLogin;
  /** Why a login with this version would be a waste right now; null if it would not. */
  heldBack(versionId: string): Error | null;
  /** A login begins: from here on the version is in use. */
  starting(client: object, versionId: string): void;
  admitted(client: object, versionId: string): void;
  /** The connection could not be made; the error is the one the pool will see. */
  failed(error: Error, versionId: string, client: object): void;
}

type ClientClass = new (config?: ClientConfig) => Client;
type Connected = (error: Error | null, client?: Client) => void;

/** A client that takes its login from the secret at the moment it is made, and tells how the login went. */
export function rotatingClient(Base: ClientClass, logins: Logins): ClientClass {
  return class RotatingClient extends Base {
    readonly #login: NextLogin;

    constructor(config: ClientConfig = {}) {
      const login = logins.next();
      super(login.login === null ? config : withLogin(config, login.login));
      this.#login = login;
    }

    override connect(): Promise<Client>;
    override connect(callback: Connected): void;
    override connect(callback?: Connected): Promise<Client> | undefined {
      if (callback === undefined)
        return new Promise((resolve, reject) => {
          this.connect((error) => (error ? reject(error) : resolve(this)));
        });
      this.#logIn(callback);
      return undefined;
    }

    #logIn(callback: Connected): void {
      const { versionId, failure } = this.#login;
      const obstacle = failure ?? logins.heldBack(versionId);
      if (obstacle !== null) {
        process.nextTick(callback, obstacle);
        return;
      }
      logins.starting(this, versionId!);
      super.connect((error: Error | null) => {
        if (!error) {
          logins.admitted(this, versionId!);
          return callback(null, this);
        }
        logins.failed(error, versionId!, this);
        // The pool forgets a client that did not connect; where the fault was found on our side, its socket is still open.
        super.end(() => {});
        callback(error);
      });
    }
  };
}

/** The secret's user and password always; its place only where the pool's options do not name another (a pooler, say). */
function withLogin(config: ClientConfig, login: PostgresLogin): ClientConfig {
  const { user, password } = login;
  const place: ClientConfig = {};
  place.host = config.host ?? login.host;
  place.port = config.port ?? login.port;
  place.database = config.database ?? login.database;
  const ssl = config.ssl ?? login.ssl;
  return { ...config, ...place, ...(ssl === undefined ? {} : { ssl }), user, password };
}
