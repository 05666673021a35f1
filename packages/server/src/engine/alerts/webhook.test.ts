import assert from 'node:assert/strict';
import { createSecretKey } from 'node:crypto';
import { createServer, type IncomingHttpHeaders } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, it } from 'node:test';
import { standardErrorSender } from './standard-error.ts';
import { SIGNATURE_HEADER, signWebhook, verifyWebhook, webhookSender } from './webhook.ts';

const secret = createSecretKey(Buffer.from('shared with the receiver'));
const signal = new AbortController().signal;

interface Received {
  readonly headers: IncomingHttpHeaders;
  readonly body: string;
}

/** A receiver on a real socket that answers each request with the given status. */
async function withReceiver(status: number, work: (url: string, received: Received[]) => Promise<void>): Promise<void> {
  const received: Received[] = [];
  const server = createServer((request, response) => {
    const parts: Buffer[] = [];
    request.on('data', (part) => parts.push(part));
    request.on('end', () => {
      received.push({ headers: request.headers, body: Buffer.concat(parts).toString() });
      response.writeHead(status, { location: '/elsewhere' }).end('thanks');
    });
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  const { port } = server.address() as AddressInfo;
  try {
    await work(`http://127.0.0.1:${port}/hook/token-in-path?key=also-secret`, received);
  } finally {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
}
const sender = (url: string) => webhookSender({ name: 'webhook:1', url, secret, fetch, now: () => 1_700_000_000_999 });

describe('a webhook', () => {
  it('carries the payload as JSON with a signature the receiver can verify', async () => {
    await withReceiver(204, async (url, received) => {
      await sender(url).send({ text: 'Rotation 7 of app/db failed.' }, signal);
      const { headers, body } = received[0]!;
      assert.deepEqual(JSON.parse(body), { text: 'Rotation 7 of app/db failed.' });
      assert.equal(verifyWebhook(body, String(headers[SIGNATURE_HEADER]), secret, 1_700_000_000), true);
    });
  });

  for (const status of [301, 307, 400, 404, 500])
    it(`answered with ${status} is not delivered, and nothing is sent elsewhere`, async () => {
      await withReceiver(status, async (url, received) => {
        await assert.rejects(sender(url).send({ text: 'x' }, signal), (error: Error) => {
          assert.match(error.message, /^The webhook at 127\.0\.0\.1:\d+ answered/);
          assert.doesNotMatch(error.message, /token-in-path|also-secret/);
          return true;
        });
        assert.equal(received.length, 1);
      });
    });

  it('that cannot be reached is named by its host, never by path or query', async () => {
    await assert.rejects(sender('http://127.0.0.1:1/token-in-path?key=also-secret').send({}, signal), {
      message: 'The webhook at 127.0.0.1:1 could not be reached.',
    });
  });

  it('must have an http address', () => {
    for (const url of ['ftp://example.com', 'file:///etc/passwd', 'nonsense'])
      assert.throws(() => sender(url), { code: 'invalid-input', reason: 'webhook-url' });
  });
});

describe('the signature of a webhook', () => {
  const header = signWebhook('{"a":1}', secret, 1_000);

  it('is the HMAC-SHA256 of time, dot and body', () => {
    // printf '1000.{"a":1}' | openssl dgst -sha256 -hmac 'shared with the receiver'
    assert.equal(header, 't=1000,v1=2effdfb47db5a5f48f4ce8d78c7a62e14c88850eb55f220eb453198d092c43cd');
    assert.equal(verifyWebhook('{"a":1}', header, secret, 1_000), true);
  });

  it('does not hold for another body, time, secret, form or hour', () => {
    assert.equal(verifyWebhook('{"a":2}', header, secret, 1_000), false);
    assert.equal(verifyWebhook('{"a":1}', header.replace('t=1000', 't=1001'), secret, 1_000), false);
    assert.equal(verifyWebhook('{"a":1}', header, createSecretKey(Buffer.from('other')), 1_000), false);
    assert.equal(verifyWebhook('{"a":1}', header.slice(0, -1), secret, 1_000), false);
    assert.equal(verifyWebhook('{"a":1}', '', secret, 1_000), false);
    assert.equal(verifyWebhook('{"a":1}', header, secret, 1_301), false);
  });
});

describe('standard error', () => {
  it('gets one line per alert, whatever the text holds', async () => {
    const lines: string[] = [];
    const text = 'The target said\r\n\u001b[2Jnothing\u202e.';
    await standardErrorSender((line) => lines.push(line)).send({ text, kind: 'rotation-failing' }, signal);
    assert.deepEqual(lines, ['rekey alert: The target said [2Jnothing . [rotation-failing]\n']);
  });
});
