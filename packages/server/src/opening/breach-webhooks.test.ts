import assert from 'node:assert/strict';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { breachConfig } from '../config/breach-config.ts';
import { leakedFetcher } from './breach-webhooks.ts';

/** A fake of GitHub's API that speaks the same wire; the real one was not asked. */
let answer: RequestListener = (_, response) => void response.end();
let server: Server;
let api: string;
let folder: string;

before(async () => {
  server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
  await once(server, 'listening');
  api = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  folder = mkdtempSync(join(tmpdir(), 'rekey-breach-'));
  writeFileSync(join(folder, 'token'), 'github-token\n');
});
after(() => {
  server.close();
  rmSync(folder, { recursive: true });
});

function fetchAlert(from = api): Promise<string> {
  const githubAlert = { api, secretFile: '', tokenFile: join(folder, 'token') };
  const { webhooks } = breachConfig({ webhooks: { githubAlert } });
  return leakedFetcher(webhooks)({ api: from, repository: 'org/repo', number: 42 }, AbortSignal.timeout(10_000));
}

const code = (expected: string) => (error: unknown) =>
  error instanceof RekeyError && error.code === expected && !error.message.includes('github-token');

describe('the value of an alert', () => {
  test('is fetched by the alert’s number, with the token', async () => {
    let asked: unknown[] = [];
    answer = ({ url, headers }, response) => {
      asked = [url, headers.authorization, headers.accept];
      response.end(JSON.stringify({ number: 42, secret: 'leaked-password' }));
    };
    assert.equal(await fetchAlert(), 'leaked-password');
    assert.deepEqual(asked, [
      '/repos/org/repo/secret-scanning/alerts/42',
      'Bearer github-token',
      'application/vnd.github+json',
    ]);
  });

  test('is not looked for where a redirect leads', async () => {
    let asked = 0;
    answer = (_, response) => {
      asked += 1;
      response.writeHead(302, { location: `${api}/elsewhere` }).end();
    };
    await assert.rejects(fetchAlert(), code('unavailable'));
    assert.equal(asked, 1);
  });

  test('is not fetched from an API that is not configured', async () => {
    let asked = 0;
    answer = (_, response) => {
      asked += 1;
      response.end('{}');
    };
    await assert.rejects(fetchAlert('http://127.0.0.1:1'), code('invalid-state'));
    assert.equal(asked, 0);
  });

  test('is tried for again after trouble that passes, and given up where the token may not', async () => {
    for (const [status, expected] of [
      [500, 'unavailable'],
      [403, 'unavailable'],
      [429, 'unavailable'],
      [401, 'not-found'],
      [404, 'not-found'],
    ] as const) {
      answer = (_, response) => void response.writeHead(status).end('{}');
      await assert.rejects(fetchAlert(), code(expected), String(status));
    }
  });

  test('is given up when the answer is endless or has none', async () => {
    answer = (_, response) => void response.end('x'.repeat(300_000));
    await assert.rejects(fetchAlert(), /longer than 262144 bytes/);
    answer = (_, response) => void response.end('{"secret":null}');
    await assert.rejects(fetchAlert(), code('invalid-state'));
    answer = (_, response) => void response.end('no json');
    await assert.rejects(fetchAlert(), code('invalid-state'));
  });
});
