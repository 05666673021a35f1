import { execFileSync } from 'node:child_process';
import { generateKeyPairSync, type KeyObject, sign } from 'node:crypto';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { createServer as createHttpServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http';
import { createServer as createHttpsServer } from 'node:https';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

/** A key of an issuer, with the one algorithm it signs by. */
export interface IssuerKey {
  readonly kid: string;
  readonly alg: string;
  readonly privateKey: KeyObject;
  readonly publicJwk: Record<string, unknown>;
}

const CURVES: Readonly<Record<string, string>> = { ES256: 'P-256', ES384: 'P-384', ES512: 'P-521' };

export function makeKey(kid: string, alg = 'ES256'): IssuerKey {
  const curve = CURVES[alg];
  const { publicKey, privateKey } =
    alg === 'EdDSA'
      ? generateKeyPairSync('ed25519')
      : curve === undefined
        ? generateKeyPairSync('rsa', { modulusLength: 2048 })
        : generateKeyPairSync('ec', { namedCurve: curve });
  return { kid, alg, privateKey, publicJwk: { ...publicKey.export({ format: 'jwk' }), kid, alg, use: 'sig' } };
}

export type Claims = Readonly<Record<string, unknown>>;

/** A compact JWT; `header` overrides what the key says of itself. */
export function signToken(key: IssuerKey, claims: Claims, header: Claims = {}): string {
  const input = `${part({ alg: key.alg, kid: key.kid, typ: 'JWT', ...header })}.${part(claims)}`;
  return `${input}.${signatureOf(key, input).toString('base64url')}`;
}

export function part(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url');
}

function signatureOf({ alg, privateKey }: IssuerKey, input: string): Buffer {
  const data = Buffer.from(input);
  if (alg === 'EdDSA') return sign(null, data, privateKey);
  const digest = `sha${alg.slice(2)}`;
  if (alg.startsWith('ES')) return sign(digest, data, { key: privateKey, dsaEncoding: 'ieee-p1363' });
  if (alg.startsWith('PS')) return sign(digest, data, { key: privateKey, padding: 6, saltLength: -1 });
  return sign(digest, data, privateKey);
}

export type Answer = (request: IncomingMessage, response: ServerResponse) => void;

/** A real issuer on a loopback port. */
export interface TestIssuer {
  /** `https://localhost:PORT`, or http. */
  readonly url: string;
  /** PEM of its own certificate; empty without TLS. */
  readonly certificate: string;
  /** What its key set holds; may be changed. */
  keys: IssuerKey[];
  /** Paths asked for, in order, with the bearer token that came along. */
  readonly asked: { readonly path: string; readonly authorization: string | null }[];
  /** Answers instead of what is otherwise found at a path. */
  readonly instead: Map<string, Answer>;
  /** A token with sound claims, of the first key; claims that are given win. */
  token(claims?: Claims, header?: Claims): string;
  stop(): Promise<void>;
}

export async function startIssuer(
  options: { readonly tls?: boolean; readonly path?: string } = {},
): Promise<TestIssuer> {
  const { tls = true, path = '' } = options;
  const pair = tls ? selfSigned() : null;
  const server: Server = pair === null ? createHttpServer() : createHttpsServer(pair);
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  const url = `${tls ? 'https' : 'http'}://localhost:${port}${path}`;
  const issuer: TestIssuer = {
    url,
    certificate: pair?.cert ?? '',
    keys: [makeKey('first')],
    asked: [],
    instead: new Map(),
    token: (claims, header) => signToken(issuer.keys[0]!, { ...soundClaims(url), ...claims }, header),
    stop: async () => {
      server.closeAllConnections();
      server.close();
      await once(server, 'close');
    },
  };
  server.on('request', (request, response) => answer(issuer, path, request, response));
  return issuer;
}

function answer(issuer: TestIssuer, path: string, request: IncomingMessage, response: ServerResponse): void {
  const asked = request.url ?? '';
  issuer.asked.push({ path: asked, authorization: request.headers.authorization ?? null });
  const other = issuer.instead.get(asked);
  if (other !== undefined) other(request, response);
  else if (asked === `${path}/.well-known/openid-configuration`)
    sendJson(response, { issuer: issuer.url, jwks_uri: `${issuer.url}/keys` });
  else if (asked === `${path}/keys`) sendJson(response, { keys: issuer.keys.map((key) => key.publicJwk) });
  else response.writeHead(404).end();
}

export function sendJson(response: ServerResponse, value: unknown): void {
  response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify(value));
}

/** Claims of a token made just now for `sts.amazonaws.com`. */
export function soundClaims(issuer: string, now = Date.now()): Claims {
  const seconds = Math.floor(now / 1000);
  return {
    iss: issuer,
    sub: 'system:serviceaccount:shop:api',
    aud: 'sts.amazonaws.com',
    iat: seconds,
    exp: seconds + 600,
  };
}

function selfSigned(): { readonly key: string; readonly cert: string } {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-issuer-'));
  try {
    const [keyFile, certFile] = [join(folder, 'key.pem'), join(folder, 'cert.pem')];
    execFileSync(
      'openssl',
      [
        ...['req', '-x509', '-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:prime256v1', '-nodes', '-days', '2'],
        ...['-keyout', keyFile, '-out', certFile, '-subj', '/CN=localhost'],
        ...['-addext', 'subjectAltName=DNS:localhost,IP:127.0.0.1'],
      ],
      { stdio: 'ignore' },
    );
    return { key: readFileSync(keyFile, 'utf8'), cert: readFileSync(certFile, 'utf8') };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}
