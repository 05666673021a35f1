import { lookup as systemLookup } from 'node:dns';
import { isIP, type LookupFunction } from 'node:net';
import { isPublicAddress } from './address-rules.ts';

/** A document wanted from an issuer. */
export interface DocumentRequest {
  readonly url: URL;
  /** Sent in the Authorization header; null to send none. */
  readonly bearerToken: string | null;
  /** PEM; null: the authorities the machine trusts. */
  readonly certificateAuthority: string | null;
  /** Ends the request, whatever it is at. */
  readonly signal: AbortSignal;
}

/** @throws Error whose message says why in words that fit into a sentence; never what the other side sent */
export type FetchDocument = (request: DocumentRequest) => Promise<string>;

export interface FetchDocumentOptions {
  readonly allowPrivateAddresses: boolean;
  readonly lookup?: LookupFunction;
  /** Bytes; discovery documents and key sets have a few thousand. */
  readonly largest?: number;
}

const LARGEST = 256 * 1024;

/**
 * Fetches documents by GET, without following redirects, from public addresses only (unless others are allowed). The
 * address is checked when connecting, on the very answer that is connected to: a name that resolves differently the
 * second time gains nothing.
 */
export function documentFetcher(options: FetchDocumentOptions): FetchDocument {
  const lookup = guardedLookup(options);
  return async (request) => {
    refuseLiteral(request.url, options);
    return exchange(request, lookup, options.largest ?? LARGEST);
  };
}

/** No name is looked up for a literal address, so that it is looked at here. */
function refuseLiteral({ hostname }: URL, { allowPrivateAddresses }: FetchDocumentOptions): void {
  const address = hostname.replace(/^\[|\]$/g, '');
  if (!allowPrivateAddresses && isIP(address) !== 0 && !isPublicAddress(address)) throw notPublic(hostname);
}

function guardedLookup({ allowPrivateAddresses, lookup = systemLookup }: FetchDocumentOptions): LookupFunction {
  if (allowPrivateAddresses) return lookup;
  return (hostname, options, callback) =>
    lookup(hostname, options, (error, address, family) => {
      const found = Array.isArray(address) ? address.map((item) => item.address) : [address];
      // One address that is not public spoils the name: which one would be connected to is up to whoever answered.
      if (error === null && !found.every(isPublicAddress)) callback(notPublic(hostname), '', 0);
      else callback(error, address, family);
    });
}

function notPublic(host: string): Error {
  return new Error(
    `${host} is not an address of the public Internet; start the server with REKEY_ALLOW_PRIVATE_ISSUERS=1 to allow it`,
  );
}

function exchange(request: DocumentRequest, lookup: LookupFunction, largest: number): Promise<string> {
  const { url, bearerToken, certificateAuthority, signal } = request;
  return new Promise((resolve, reject) => {
    // `import` of node:http would read all that it exports, WebSocket and fetch too: 13 MB that a server need not have.
    const { request: send } = process.getBuiltinModule(url.protocol === 'https:' ? 'node:https' : 'node:http');
    const headers = {
      accept: 'application/json',
      ...(bearerToken === null ? {} : { authorization: `Bearer ${bearerToken}` }),
    };
    const ca = certificateAuthority === null ? {} : { ca: certificateAuthority };
    const sent = send(url, { agent: false, headers, lookup, signal, ...ca }, (response) => {
      if (response.statusCode !== 200) {
        response.destroy();
        reject(new Error(`it answered with status ${response.statusCode}`));
        return;
      }
      const chunks: Buffer[] = [];
      let size = 0;
      response.on('data', (chunk: Buffer) => {
        chunks.push(chunk);
        size += chunk.length;
        if (size > largest) response.destroy(new Error(`its answer is longer than ${largest} bytes`));
      });
      response.on('end', () => resolve(Buffer.concat(chunks).toString('utf8')));
      response.on('error', reject);
    });
    sent.on('error', reject);
    sent.end();
  });
}
