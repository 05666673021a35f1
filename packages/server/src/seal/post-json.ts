import { readFileSync } from 'node:fs';
import type { RequestOptions } from 'node:https';
import { RekeyError } from '@rekey/core';

export interface JsonPost {
  readonly url: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
  /** Certificates (PEM) of the authorities that vouch for the server; null: those the machine trusts. */
  readonly caFile: string | null;
  readonly signal: AbortSignal;
}

export interface JsonAnswer {
  readonly status: number;
  /** Null for what is not JSON. */
  readonly content: unknown;
}

/** Bytes of an answer that are read; a wrapped keyring has a few thousand. */
const MOST = 1_048_576;

/**
 * Posts JSON. Not by fetch, which takes no authority of one's own, and follows redirects: the token in the headers is
 * for the server that was named.
 *
 * @throws what the network throws; RekeyError where the authorities cannot be read
 */
export async function postJson({ url, headers, body, caFile, signal }: JsonPost): Promise<JsonAnswer> {
  const target = new URL(url);
  const options: RequestOptions = {
    method: 'POST',
    headers: { ...headers, 'content-length': Buffer.byteLength(body) },
    signal,
    agent: false,
    ...(caFile === null ? {} : { ca: readAuthorities(caFile) }),
  };
  // `import` of node:http would read all that it exports, WebSocket and fetch too: 13 MB that a server need not have.
  const { request } = process.getBuiltinModule(target.protocol === 'https:' ? 'node:https' : 'node:http');
  return new Promise((resolve, reject) => {
    const sent = request(target, options, (answer) => {
      const chunks: Buffer[] = [];
      let size = 0;
      answer.on('data', (chunk: Buffer) => {
        size += chunk.length;
        if (size > MOST) answer.destroy(new Error('too long'));
        else chunks.push(chunk);
      });
      answer.on('end', () => resolve({ status: answer.statusCode ?? 0, content: parse(Buffer.concat(chunks)) }));
      answer.on('error', reject);
    });
    sent.on('error', reject);
    sent.end(body);
  });
}

function parse(bytes: Buffer): unknown {
  try {
    return JSON.parse(bytes.toString('utf8'));
  } catch {
    return null;
  }
}

function readAuthorities(file: string): Buffer {
  try {
    return readFileSync(file);
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? 'unknown error';
    const message = `The certificates in ${file} cannot be read (${code}); name the file of the authority that vouches for Vault.`;
    throw new RekeyError('invalid-state', message, { reason: 'seal-authority' });
  }
}
