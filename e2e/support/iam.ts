import assert from 'node:assert/strict';
import { signHeaders } from '../../packages/server/src/auth/sigv4.testing.ts';
import { ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY } from './server.ts';

const ROOT = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };

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

/** A user with one inline policy of these statements, and an access key of his. */
export async function createUser(
  endpoint: string,
  name: string,
  statements: readonly object[],
): Promise<{ readonly accessKeyId: string; readonly secretAccessKey: string }> {
  await callIam(endpoint, ROOT, 'CreateUser', { UserName: name });
  await callIam(endpoint, ROOT, 'PutUserPolicy', {
    UserName: name,
    PolicyName: name,
    PolicyDocument: JSON.stringify({ Version: '2012-10-17', Statement: statements }),
  });
  const made = await callIam(endpoint, ROOT, 'CreateAccessKey', { UserName: name });
  return { accessKeyId: made('AccessKeyId'), secretAccessKey: made('SecretAccessKey') };
}
