import { createCipheriv, createDecipheriv, randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import type { Patience } from './patience.ts';

/** No waiting in tests. */
export const IMPATIENT: Patience = { timeout: 5_000, pauses: [0, 0], sleep: async () => {} };

/** What a key service is asked, and what it answers. */
interface Asked {
  readonly path: string;
  readonly headers: IncomingMessage['headers'];
  readonly body: Record<string, unknown>;
}
interface Answered {
  readonly status: number;
  readonly body: unknown;
}

/** A key service of ours on loopback, which speaks the wire of a real one. */
export class FakeKeyService {
  readonly asked: Asked[] = [];
  /** Answered instead of what was asked, so many times. */
  failures: { status: number; body: unknown }[] = [];
  readonly #keys = new Map<string, Buffer>();
  readonly #answer: (service: FakeKeyService, asked: Asked) => Answered;
  #server: Server | null = null;
  #port = 0;

  constructor(answer: (service: FakeKeyService, asked: Asked) => Answered) {
    this.#answer = answer;
  }

  get endpoint(): string {
    return `http://127.0.0.1:${this.#port}`;
  }

  /** On the port it had before, if it had one. */
  async start(): Promise<void> {
    const server = createServer((request, response) => void this.#serve(request, response));
    server.listen(this.#port, '127.0.0.1');
    await once(server, 'listening');
    this.#port = (server.address() as AddressInfo).port;
    this.#server = server;
  }

  async stop(): Promise<void> {
    const server = this.#server;
    this.#server = null;
    if (server === null) return;
    server.close();
    server.closeAllConnections();
    await once(server, 'close');
  }

  addKey(name: string): void {
    this.#keys.set(name, randomBytes(32));
  }

  findKey(name: string): Buffer | null {
    return this.#keys.get(name) ?? null;
  }

  async #serve(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk as Buffer);
    const body = JSON.parse(Buffer.concat(chunks).toString() || '{}') as Record<string, unknown>;
    const asked = { path: request.url ?? '', headers: request.headers, body };
    this.asked.push(asked);
    const { status, body: answer } = this.failures.shift() ?? this.#answer(this, asked);
    response.writeHead(status, { 'content-type': 'application/x-amz-json-1.1' }).end(JSON.stringify(answer));
  }
}

/** AWS KMS's JSON protocol for Encrypt and Decrypt; ciphertexts name their key, as KMS's do. */
export function fakeKms(): FakeKeyService {
  return new FakeKeyService((service, { headers, body }) => {
    const fail = (__type: string) => ({ status: 400, body: { __type, message: `secret detail of ${__type}` } });
    const authorization = String(headers.authorization);
    if (!/^AWS4-HMAC-SHA256 Credential=[^/]+\/\d{8}\/[\w-]+\/kms\/aws4_request, /.test(authorization))
      return fail('MissingAuthenticationTokenException');
    const name = String(body.KeyId);
    const key = service.findKey(name);
    if (key === null) return fail('NotFoundException');
    const context = JSON.stringify(body.EncryptionContext ?? {});
    if (headers['x-amz-target'] === 'TrentService.Encrypt') {
      const plain = Buffer.from(String(body.Plaintext), 'base64');
      if (plain.length > 4_096) return fail('ValidationException');
      const CiphertextBlob = encrypt(key, plain, `${name}\n${context}`, name).toString('base64');
      return { status: 200, body: { CiphertextBlob, KeyId: name, EncryptionAlgorithm: 'SYMMETRIC_DEFAULT' } };
    }
    const blob = Buffer.from(String(body.CiphertextBlob ?? ''), 'base64');
    const named = nameIn(blob);
    if (named === null || service.findKey(named) === null) return fail('InvalidCiphertextException');
    if (named !== name) return fail('IncorrectKeyException');
    const plain = decrypt(key, blob, `${name}\n${context}`);
    if (plain === null) return fail('InvalidCiphertextException');
    return { status: 200, body: { Plaintext: plain.toString('base64'), KeyId: name } };
  });
}

/** The transit engine's encrypt and decrypt, mounted at `transit`. */
export function fakeVault(token: string): FakeKeyService {
  return new FakeKeyService((service, { path, headers, body }) => {
    const fail = (status: number, ...errors: string[]) => ({ status, body: { errors } });
    if (headers['x-vault-token'] !== token) return fail(403, 'permission denied');
    const [, operation, name = ''] = /^\/v1\/transit\/(encrypt|decrypt)\/([^/]+)$/.exec(path) ?? [];
    if (operation === undefined) return fail(404, `no handler for route "${path}"`);
    const key = service.findKey(name);
    if (key === null) return fail(400, 'encryption key not found');
    if (operation === 'encrypt') {
      const sealed = encrypt(key, Buffer.from(String(body.plaintext), 'base64'), '', '');
      return { status: 200, body: { data: { ciphertext: `vault:v1:${sealed.toString('base64')}`, key_version: 1 } } };
    }
    const [, version, coded = ''] = /^vault:v(\d+):(.*)$/.exec(String(body.ciphertext)) ?? [];
    if (version !== '1') return fail(400, 'invalid ciphertext: version is too new');
    const plain = decrypt(key, Buffer.from(coded, 'base64'), '');
    if (plain === null) return fail(400, 'cipher: message authentication failed');
    return { status: 200, body: { data: { plaintext: plain.toString('base64') } } };
  });
}

function encrypt(key: Buffer, plain: Buffer, additional: string, name: string): Buffer {
  const iv = randomBytes(12);
  const cipher = createCipheriv('aes-256-gcm', key, iv).setAAD(Buffer.from(additional));
  const sealed = Buffer.concat([cipher.update(plain), cipher.final()]);
  return Buffer.concat([Buffer.from([name.length]), Buffer.from(name), iv, cipher.getAuthTag(), sealed]);
}

function nameIn(blob: Buffer): string | null {
  const length = blob[0] ?? 255;
  return blob.length < 1 + length + 28 ? null : blob.toString('utf8', 1, 1 + length);
}

function decrypt(key: Buffer, blob: Buffer, additional: string): Buffer | null {
  try {
    const at = 1 + (blob[0] ?? 0);
    const decipher = createDecipheriv('aes-256-gcm', key, blob.subarray(at, at + 12));
    decipher.setAAD(Buffer.from(additional)).setAuthTag(blob.subarray(at + 12, at + 28));
    return Buffer.concat([decipher.update(blob.subarray(at + 28)), decipher.final()]);
  } catch {
    return null;
  }
}
