import { existsSync } from 'node:fs';
import { RekeyClientError, SecretsClient, type SecretsClientOptions } from '@rekey/client';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { readRunningServer } from '../host/running-server.ts';
import { wrongUse } from './output.ts';

/** Options that say where the server is. */
export interface WhereOptions {
  readonly data?: string;
  readonly endpoint?: string;
}

/** A way to the running server: AWS's operations by name, and the native face by path. */
export interface Connection {
  readonly endpoint: string;
  operation(name: string, input: Readonly<Record<string, unknown>>): Promise<Record<string, unknown>>;
  native(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
  /**
   * The same for what the server answers only when it has been somewhere else: at a target that may be slow, at the key
   * service, or through the whole store. It knows itself when to give up, and says on what.
   */
  ask(method: string, path: string, body?: unknown): Promise<Record<string, unknown>>;
}

/**
 * For {@link Connection.ask}; milliseconds. Two logins of 10 s and a plan of 30 s end before; a server that hangs is
 * noticed later by as much.
 */
const ASK_PATIENCE = 60_000;

/**
 * Finds the server: by `--endpoint` with the caller's own credentials, or by the data folder, whose owner may act as root.
 *
 * @throws RekeyError when nothing runs there, with the command that would start it.
 */
export async function connect(
  options: WhereOptions,
  environment: Readonly<Record<string, string | undefined>> = process.env,
): Promise<Connection> {
  if (options.endpoint !== undefined)
    return over({ endpoint: options.endpoint, region: regionOf(environment), environment });
  const folder = options.data ?? DEFAULT_DATA_FOLDER;
  if (!existsSync(folder))
    throw wrongUse(
      `there is no server to speak to: give --endpoint URL, or --data DIR of a running server (${folder} does not exist).`,
    );
  const server = await readRunningServer(folder);
  const credentials = { accessKeyId: server.accessKeyId, secretAccessKey: server.secretAccessKey };
  return over({ endpoint: server.endpoint, region: server.region, credentials });
}

/**
 * Path of a secret in the native face: names hold slashes, so the name is one encoded segment.
 *
 * @throws RekeyError `invalid-input` for a name of dots, which every URL takes for a way up (WHATWG URL, "double-dot")
 */
export function secretPath(name: string, ...rest: readonly string[]): string {
  if (name === '.' || name === '..')
    throw wrongUse(
      `an address cannot hold the name ${name}: give the ARN (\`rekey secret describe ${name}\` shows it).`,
    );
  return ['/rekey/secrets', encodeURIComponent(name), ...rest].join('/');
}

function over(options: SecretsClientOptions & { readonly endpoint: string }): Connection {
  const client = new SecretsClient(options);
  const patient = new SecretsClient({ ...options, timeout: ASK_PATIENCE });
  return {
    endpoint: options.endpoint,
    operation: (name, input) => client.call(name, input),
    native: (method, path, body) => client.native(method, path, body).catch(throwPlain),
    ask: (method, path, body) => patient.native(method, path, body).catch(throwPlain),
  };
}

/** A native answer is a whole sentence about what the person named; method and path before it would only be noise. */
function throwPlain(error: unknown): never {
  if (!(error instanceof RekeyClientError) || error.status === null) throw error;
  const { code, status, retryable, cause } = error;
  throw new RekeyClientError(code, error.message.replace(/^[A-Z]+ \S+ failed: /, ''), { status, retryable, cause });
}

function regionOf(environment: Readonly<Record<string, string | undefined>>): string {
  return environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION ?? environment.REKEY_REGION ?? 'us-east-1';
}
