import assert from 'node:assert/strict';
import { createHmac, createSecretKey, generateKeyPairSync, sign } from 'node:crypto';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { SIGNATURE_HEADER, signWebhook } from '../../engine/alerts/webhook.ts';
import { openService, ROOT, type TestService } from '../../service/testing.ts';
import type { BreachRecord } from '../../store/breach-record.ts';
import { testFace } from '../conformance.ts';
import type { Face, FaceRequest } from '../face.ts';
import { genericWebhook } from './generic.ts';
import { githubAlertWebhook } from './github-alert.ts';
import { parseKeys, partnerKeys } from './github-keys.ts';
import { githubPartnerWebhook } from './github-partner.ts';
import { breachWebhookFace } from './index.ts';

const VALUE = 'a value no answer may repeat';
const API = 'https://github.example/api/v3';
const SECRET = createSecretKey(Buffer.from('a secret shared with a scanner'));
const GITHUB = generateKeyPairSync('ec', { namedCurve: 'P-256' });
const KEY_ID = 'bcb53661c06b4728e59d897fb6165d5c9cda0fd9cdf9d09ead458168deb7518c';
const NOW = Date.UTC(2030, 0, 1);

let requests = 0;

function post(
  name: string,
  body: unknown,
  headers: Readonly<Record<string, string>>,
  address = '192.0.2.1',
): FaceRequest {
  requests += 1;
  const bytes = Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    ...{ id: `request-${requests}`, method: 'POST', path: `/breach/${name}`, query: '' },
    ...{ headers: Object.entries(headers), body: bytes, remoteAddress: address, secure: true },
  };
}

function scanner(body: unknown, seconds = NOW / 1_000, name = 'scanner'): FaceRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  return post(name, text, { [SIGNATURE_HEADER]: signWebhook(text, SECRET, seconds) });
}

function partner(body: unknown, key = GITHUB.privateKey): FaceRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const signature = sign('sha256', Buffer.from(text), key).toString('base64');
  return post('github-partner', text, {
    'github-public-key-identifier': KEY_ID,
    'github-public-key-signature': signature,
  });
}

function alert(body: unknown, event = 'secret_scanning_alert'): FaceRequest {
  const text = JSON.stringify(body);
  const signature = `sha256=${createHmac('sha256', SECRET).update(text).digest('hex')}`;
  return post('github-alert', text, { 'x-hub-signature-256': signature, 'x-github-event': event });
}

const ALERT = {
  action: 'created',
  alert: { number: 42, secret_type: 'postgres_password', html_url: 'https://github.example/org/repo/42' },
  repository: { full_name: 'org/repo' },
};
const TOKEN = { token: VALUE, type: 'rekey_password', url: 'https://github.com/octocat/leak', source: 'content' };

type Opened = TestService & { readonly face: Face; readonly breaches: () => Promise<readonly BreachRecord[]> };

async function open(
  rates = { perSource: { perMinute: 1_000_000 }, overall: { perMinute: 1_000_000 } },
): Promise<Opened> {
  const opened = await openService();
  const value = { versionId: 'first-version-first-version-first', value: { kind: 'text', text: VALUE } } as const;
  await opened.service.secrets.create(ROOT, { name: 'team/db', value });
  const now = () => opened.clock.now();
  const face = breachWebhookFace({
    service: opened.service,
    webhooks: [
      genericWebhook({ name: 'scanner', secret: SECRET, now }),
      githubAlertWebhook({ secret: SECRET, api: API }),
      githubPartnerWebhook(async (identifier) => (identifier === KEY_ID ? GITHUB.publicKey : null)),
    ],
    rates,
    now,
    refused: ({ remoteAddress: address, id: requestId }, action, error) =>
      opened.service.cases.refuse({ action, principal: 'anonymous', accessKeyId: null, address, requestId }, error),
  });
  opened.audited.length = 0;
  return { ...opened, face, breaches: () => opened.engine.breach.breaches.list() };
}

testFace({
  name: 'breach webhook',
  open: async () => ({ ...(await open()), close: async () => {} }),
  value: VALUE,
  requestIdHeader: 'x-request-id',
  requests: [scanner({ value: VALUE }), partner([TOKEN]), alert(ALERT)],
});

describe('a webhook that tells of a leaked value', () => {
  test('is answered the same whether the value is known here or not, and does the same before', async () => {
    const { face, breaches } = await open();
    const answers = [];
    for (const value of [VALUE, 'never seen here', '{"password":"unknown-too"}'])
      for (const request of [scanner({ value }), partner([{ ...TOKEN, token: value }])]) {
        const { status, body, headers } = await face.handle(request);
        answers.push(JSON.stringify([status, body, Object.keys(headers)]));
      }
    assert.deepEqual(
      [...new Set(answers)],
      [JSON.stringify([202, '{"accepted":true}', ['content-type', 'cache-control', 'x-request-id']])],
    );
    assert.deepEqual(
      (await breaches()).map(({ state, cases }) => [state, cases.length]),
      [
        ['looking', 0],
        ['looking', 0],
        ['looking', 0],
      ],
    );
  });

  test('is kept before it is answered, without the value, and on record', async () => {
    const { face, breaches, audited } = await open();
    await face.handle(partner([TOKEN]));
    const [kept] = await breaches();
    assert.deepEqual(
      [kept?.source, kept?.note],
      ['github-partner', 'rekey_password https://github.com/octocat/leak content'],
    );
    assert.ok(!JSON.stringify([kept, audited]).includes(VALUE));
    assert.deepEqual(
      audited.map(({ action, outcome, principal }) => [action, outcome, principal]),
      [['rekey:ReportBreachByWebhook', 'allowed', 'rekey-webhook/github-partner']],
    );
  });

  test('finds the secret afterwards', async () => {
    const { face, breaches, engine } = await open();
    for (const job of engine.breach.fingerprints.jobs) await job.run();
    await face.handle(scanner({ values: ['x-unknown', VALUE] }));
    await engine.breach.work.pass();
    const found = (await breaches()).flatMap(({ cases }) => cases.map(({ secretName }) => secretName));
    assert.deepEqual(found, ['team/db']);
  });

  test('sent twice, or told by several, is one breach', async () => {
    const { face, breaches } = await open();
    for (const request of [
      scanner({ value: VALUE }),
      scanner({ value: VALUE }),
      partner([TOKEN, TOKEN]),
      alert(ALERT),
      alert(ALERT),
    ])
      assert.equal((await face.handle(request)).status, 202);
    assert.deepEqual((await breaches()).map(({ source }) => source).sort(), ['github-alert', 'webhook']);
  });

  test('is refused unless its own sender signed this very body', async () => {
    const { face, breaches, audited } = await open();
    const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey;
    const otherCurve = generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey;
    const changed = (request: FaceRequest) => ({ ...request, body: Buffer.from(`${Buffer.from(request.body)} `) });
    const unsigned = (request: FaceRequest) => ({ ...request, headers: [] });
    const genuine = [scanner({ value: VALUE }), partner([TOKEN]), alert(ALERT)];
    const refused = [
      ...genuine.flatMap((request) => [changed(request), unsigned(request)]),
      ...[partner([TOKEN], stranger), partner([TOKEN], otherCurve)],
      { ...genuine[0]!, path: '/breach/github-alert' },
      { ...genuine[2]!, path: '/breach/scanner' },
    ];
    for (const request of refused) {
      const { status, body } = await face.handle(request);
      assert.equal(status, 401);
      assert.match(String(body), /signature of this webhook is missing or wrong/);
    }
    assert.deepEqual(await breaches(), []);
    assert.deepEqual([...new Set(audited.map(({ outcome }) => outcome))], ['denied']);
  });

  test('signed longer ago than five minutes, or for later, is refused', async () => {
    const { face } = await open();
    const at = async (seconds: number) => (await face.handle(scanner({ value: VALUE }, NOW / 1_000 + seconds))).status;
    assert.deepEqual([await at(-300), await at(-301), await at(300), await at(301)], [202, 401, 202, 401]);
  });

  test('that is signed but not understood is refused in a sentence without the value', async () => {
    const { face } = await open();
    const bodies = [
      ...[
        `${VALUE}{`,
        { value: { text: VALUE } },
        { values: VALUE },
        { values: Array(101).fill(VALUE) },
        [VALUE],
        { value: '' },
      ],
    ];
    for (const body of bodies) {
      const answer = await face.handle(scanner(body));
      assert.equal(answer.status, 400);
      assert.ok(!String(answer.body).includes(VALUE));
    }
    assert.equal((await face.handle(scanner({ value: 'x'.repeat(65_537) }))).status, 400);
    assert.equal((await face.handle(scanner({ value: 'x'.repeat(300_000) }))).status, 413);
    assert.equal((await face.handle(scanner({ value: VALUE }, NOW / 1_000, 'nobody'))).status, 404);
  });

  test('comes through no more often than allowed, of one sender and of all', async () => {
    const few = { perSource: { perMinute: 3 }, overall: { perMinute: 5 } };
    const { face, clock } = await open(few);
    const send = async (address: string, value = VALUE) =>
      face.handle({ ...scanner({ value }, clock.now() / 1_000), remoteAddress: address });
    for (let sent = 0; sent < 3; sent += 1) assert.equal((await send('192.0.2.1')).status, 202);
    const refused = await send('192.0.2.1');
    assert.deepEqual([refused.status, refused.headers['retry-after']], [429, '20']);
    assert.equal((await send('192.0.2.2')).status, 202);
    await clock.advance(20_000);
    assert.equal((await send('192.0.2.1')).status, 202);
    const many = Array.from({ length: 5 }, (_, at) => `value ${at}`);
    const flood = scanner({ values: many }, clock.now() / 1_000);
    assert.equal((await face.handle({ ...flood, remoteAddress: '192.0.2.9' })).status, 429);
  });

  test('sent by strangers who cannot sign uses up nothing of what others may send', async () => {
    const { face } = await open({ perSource: { perMinute: 2 }, overall: { perMinute: 2 } });
    for (let at = 0; at < 50; at += 1)
      await face.handle({ ...scanner({ value: VALUE }), headers: [], remoteAddress: `198.51.100.${at}` });
    assert.equal((await face.handle(scanner({ value: VALUE }))).status, 202);
  });
});

describe('an alert of GitHub’s', () => {
  test('is fetched from the configured API, whatever its body says', async () => {
    const { face, breaches } = await open();
    const hostile = { ...ALERT, alert: { ...ALERT.alert, url: 'http://169.254.169.254/latest' } };
    assert.equal((await face.handle(alert(hostile))).status, 202);
    assert.deepEqual((await breaches())[0]?.fetch, { api: API, repository: 'org/repo', number: 42 });
  });

  test('with a repository or number that would lead elsewhere is refused', async () => {
    const { face, breaches } = await open();
    for (const name of [
      '../admin',
      'org/..',
      './x',
      'org/repo/../../users',
      'org/repo?x=',
      'org%2frepo',
      'org',
      7,
      null,
    ])
      assert.equal((await face.handle(alert({ ...ALERT, repository: { full_name: name } }))).status, 400, String(name));
    for (const number of [0, -1, 1.5, '42', '42/../43', null])
      assert.equal(
        (await face.handle(alert({ ...ALERT, alert: { ...ALERT.alert, number } }))).status,
        400,
        String(number),
      );
    assert.deepEqual(await breaches(), []);
  });

  test('of another kind, or that closes one, does nothing and is answered the same', async () => {
    const { face, breaches } = await open();
    for (const request of [alert({ zen: 'x' }, 'ping'), alert({ ...ALERT, action: 'resolved' })])
      assert.equal((await face.handle(request)).status, 202);
    assert.deepEqual(await breaches(), []);
  });
});

describe('the public keys of GitHub', () => {
  const pem = GITHUB.publicKey.export({ type: 'spki', format: 'pem' }).toString();
  const listed = JSON.stringify({
    public_keys: [{ key_identifier: KEY_ID, key: pem, is_current: true }, { key: 5 }, null],
  });

  test('are fetched once, again when an unknown one is named, and not for each stranger who names one', async () => {
    let now = 0;
    let fetched = 0;
    const find = partnerKeys({
      now: () => now,
      fetchKeys: async () => {
        fetched += 1;
        return listed;
      },
    });
    assert.ok((await Promise.all([find(KEY_ID), find(KEY_ID)])).every((key) => key !== null));
    for (let asked = 0; asked < 20; asked += 1) assert.equal(await find('abcdef0123'), null);
    assert.equal(fetched, 1);
    now += 61_000;
    await find('abcdef0123');
    assert.equal(fetched, 2);
  });

  test('that cannot be fetched say so, and are no reason to refuse for good', async () => {
    const find = partnerKeys({ now: () => 0, fetchKeys: () => Promise.reject(new Error('it answered 500')) });
    await assert.rejects(find(KEY_ID), (error) => error instanceof RekeyError && error.code === 'unavailable');
  });

  test('that could not be fetched a moment ago are not known yet: nobody is told meanwhile that he signed wrongly', async () => {
    let now = 0;
    let isUp = false;
    const fetchKeys = async () => {
      if (isUp) return listed;
      throw new Error('it answered 500');
    };
    const find = partnerKeys({ now: () => now, fetchKeys });
    const isUnavailable = (error: unknown) => error instanceof RekeyError && error.code === 'unavailable';
    await assert.rejects(find('abcdef0123'), isUnavailable);
    isUp = true;
    now += 30_000;
    await assert.rejects(find(KEY_ID), isUnavailable);
    now += 31_000;
    assert.notEqual(await find(KEY_ID), null);
    isUp = false;
    now += 6 * 3_600_000;
    assert.notEqual(await find(KEY_ID), null, 'keys that are known go on being good while GitHub is away');
  });

  test('of another kind are left out', () => {
    const other = generateKeyPairSync('rsa', { modulusLength: 2048 }).publicKey.export({ type: 'spki', format: 'pem' });
    assert.equal(parseKeys(JSON.stringify({ public_keys: [{ key_identifier: 'aa', key: other }] })).size, 0);
  });
});
