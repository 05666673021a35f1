import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';

/** A request as the fake received it. */
export interface SeenRequest {
  readonly method: string;
  readonly path: string;
  readonly headers: Readonly<Record<string, string | string[] | undefined>>;
  readonly body: string;
  /** `GetSecretValue`; empty outside AWS's protocol. */
  readonly operation: string;
}

/** An answer to give instead of the usual one. `hang` never answers, `reset` cuts the connection. */
export type Misbehaviour =
  | { readonly status: number; readonly body?: unknown; readonly headers?: Readonly<Record<string, string>> }
  | 'hang'
  | 'reset';

interface FakeVersion {
  readonly versionId: string;
  readonly content: string | Uint8Array;
}

/**
 * A fake of the Secrets Manager protocol over real HTTP: holds current values, counts requests and misbehaves when told
 * to. Checks no signatures.
 */
export class FakeSecretsManager implements AsyncDisposable {
  readonly requests: SeenRequest[] = [];
  readonly #server: Server;
  readonly #secrets = new Map<string, FakeVersion>();
  readonly #misbehaviours: Misbehaviour[] = [];
  #always: Misbehaviour | null = null;

  private constructor() {
    this.#server = createServer((request, response) => void this.#answer(request, response));
  }

  /** Listens on a free port of the loopback address. */
  static async start(): Promise<FakeSecretsManager> {
    const fake = new FakeSecretsManager();
    fake.#server.listen(0, '127.0.0.1');
    await once(fake.#server, 'listening');
    return fake;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  /** Connections that are open now. */
  async connections(): Promise<number> {
    return new Promise((resolve, reject) =>
      this.#server.getConnections((error, count) => (error ? reject(error) : resolve(count))),
    );
  }

  /** Makes a value current; gives its version id. */
  put(secretId: string, content: string | Uint8Array): string {
    const versionId = randomUUID();
    this.#secrets.set(secretId, { versionId, content });
    return versionId;
  }

  /** The next requests, one each, are answered so. */
  misbehave(...ways: readonly Misbehaviour[]): void {
    this.#misbehaviours.push(...ways);
  }

  /** Every request is answered so until told otherwise with null. */
  misbehaveAlways(way: Misbehaviour | null): void {
    this.#always = way;
  }

  async stop(): Promise<void> {
    this.#server.closeAllConnections();
    this.#server.close();
    if (this.#server.listening) await once(this.#server, 'close');
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop();
  }

  async #answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const seen = await readRequest(request);
    this.requests.push(seen);
    const way = this.#misbehaviours.shift() ?? this.#always;
    if (way === 'hang') return;
    if (way === 'reset') return void request.socket.destroy();
    if (way) return send(response, way.status, way.body ?? {}, way.headers);
    const input = JSON.parse(seen.body || '{}') as Record<string, unknown>;
    if (seen.operation === 'GetSecretValue') return this.#getSecretValue(String(input.SecretId), response);
    send(response, 200, { operation: seen.operation, input });
  }

  #getSecretValue(secretId: string, response: ServerResponse): void {
    const version = this.#secrets.get(secretId);
    if (version === undefined) {
      send(response, 400, {
        __type: 'ResourceNotFoundException',
        Message: "Secrets Manager can't find the specified secret.",
      });
      return;
    }
    const { versionId, content } = version;
    const value =
      typeof content === 'string'
        ? { SecretString: content }
        : { SecretBinary: Buffer.from(content).toString('base64') };
    send(response, 200, {
      Name: secretId,
      VersionId: versionId,
      VersionStages: ['AWSCURRENT'],
      CreatedDate: 1_767_225_600.123,
      ...value,
    });
  }
}

async function readRequest(request: IncomingMessage): Promise<SeenRequest> {
  const chunks: Buffer[] = [];
  for await (const chunk of request) chunks.push(chunk as Buffer);
  const { method = '', url = '', headers } = request;
  const operation = String(headers['x-amz-target'] ?? '').replace('secretsmanager.', '');
  return { method, path: url, headers, body: Buffer.concat(chunks).toString(), operation };
}

function send(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): void {
  response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1', ...headers });
  response.end(typeof body === 'string' ? body : JSON.stringify(body));
}
