import assert from 'node:assert/strict';
import { signHeaders } from '../../packages/server/src/auth/sigv4.testing.ts';

/** Reads the text of the first element of a name in an answer. */
export type ReadElement = (name: string) => string;

/** One IAM operation, for tests that need users and roles but are about something else. */
export async function callIam(
  endpoint: string,
  keys: { readonly accessKeyId: string; readonly secretAccessKey: string },
  action: string,
  parameters: Readonly<Record<string, string>>,
): Promise<ReadElement> {
  const body = new URLSearchParams({ Action: action, Version: '2010-05-08', ...parameters }).toString();
  const signed = signHeaders(
    {
      method: 'POST',
      path: '/',
      query: '',
      headers: [
        ['host', new URL(endpoint).host],
        ['content-type', 'application/x-www-form-urlencoded'],
      ],
      body: Buffer.from(body),
    },
    { ...keys, region: 'us-east-1', service: 'iam' },
    { time: `${new Date().toISOString().slice(0, 19).replace(/[-:]/g, '')}Z` },
  );
  const headers = Object.fromEntries(signed.headers.filter(([name]) => name !== 'host'));
  const response = await fetch(endpoint, { method: 'POST', headers, body });
  const text = await response.text();
  assert.equal(response.status, 200, `${action}: ${text}`);
  return (name) => new RegExp(`<${name}>([^<]*)<`).exec(text)?.[1]?.replaceAll('&amp;', '&') ?? '';
}
