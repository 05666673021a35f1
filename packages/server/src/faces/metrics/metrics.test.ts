import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { type Metric, SCRAPER } from '../../service/metrics.ts';
import { openService, ROOT, STRANGER } from '../../service/testing.ts';
import { testFace } from '../conformance.ts';
import type { FaceRequest } from '../face.ts';
import { expositionOf } from './exposition.ts';
import { metricsFace } from './index.ts';

const VALUE = 'a value no answer may repeat';
const METRICS: readonly Metric[] = [
  { name: 'rekey_tries_total', kind: 'counter', help: 'Tries.', samples: [{ labels: { face: 'test' }, value: 3 }] },
];
const CALLERS = { root: ROOT, stranger: STRANGER, scraper: { ...ROOT, principal: SCRAPER } };

function request(who: keyof typeof CALLERS | null, method = 'GET'): FaceRequest {
  const headers: FaceRequest['headers'] = who === null ? [] : [['authorization', who]];
  return {
    ...{ id: 'request-7', method, path: '/metrics', query: '', headers },
    ...{ body: new Uint8Array(), remoteAddress: '192.0.2.1', secure: true },
  };
}

async function open(options: { readonly open?: boolean } = {}) {
  const opened = await openService({ metrics: { open: options.open ?? false, read: async () => METRICS } });
  const face = metricsFace({
    service: opened.service,
    authenticate: ({ headers, id }) => {
      const caller = CALLERS[headers[0]?.[1] as keyof typeof CALLERS];
      if (caller !== undefined) return { ...caller, requestId: id };
      throw new RekeyError('unauthenticated', 'nobody', { reason: 'missing-authentication' });
    },
    refused: ({ remoteAddress: address, id: requestId }, action, error) =>
      opened.service.cases.refuse({ action, principal: 'anonymous', accessKeyId: null, address, requestId }, error),
  });
  return { ...opened, face };
}

testFace({
  name: 'metrics',
  open: async () => ({ ...(await open()), close: async () => {} }),
  value: VALUE,
  requestIdHeader: 'x-request-id',
  requests: [request('root'), request('scraper'), request('root', 'HEAD')],
  runs: 100,
});

describe('metrics are read', () => {
  test('by who has the permission, and that is on record', async () => {
    const { face, audited } = await open();
    const { status, body, headers } = await face.handle(request('root'));
    assert.equal(status, 200);
    assert.equal(headers['content-type'], 'text/plain; version=0.0.4; charset=utf-8');
    assert.equal(
      body,
      '# HELP rekey_tries_total Tries.\n# TYPE rekey_tries_total counter\nrekey_tries_total{face="test"} 3\n',
    );
    const [entry] = audited;
    assert.deepEqual(
      [entry?.action, entry?.outcome, entry?.principal, entry?.requestId],
      ['rekey:ReadMetrics', 'allowed', ROOT.principal.arn, 'request-7'],
    );
  });

  test('by the token made for it, which no policy is asked about, and that is on record', async () => {
    const { face, audited } = await open();
    assert.equal((await face.handle(request('scraper'))).status, 200);
    assert.deepEqual(
      audited.map(({ action, outcome, principal }) => [action, outcome, principal]),
      [['rekey:ReadMetrics', 'allowed', 'rekey-metrics']],
    );
  });

  test('by nobody else: not without proof, not without permission; both are on record', async () => {
    const { face, audited } = await open();
    const nobody = await face.handle(request(null));
    assert.equal(nobody.status, 401);
    assert.equal(nobody.headers['www-authenticate'], 'Bearer');
    assert.equal((await face.handle(request('stranger'))).status, 403);
    assert.deepEqual(
      audited.map(({ outcome, principal }) => [outcome, principal]),
      [
        ['denied', 'anonymous'],
        ['denied', STRANGER.principal.arn],
      ],
    );
  });

  test('by everybody where the operator opened them, counted instead of audited', async () => {
    const { face, audited, breakAudit } = await open({ open: true });
    breakAudit();
    for (const who of [null, 'stranger'] as const) assert.equal((await face.handle(request(who))).status, 200);
    assert.deepEqual(audited, []);
  });

  test('by nobody while it cannot be put on record', async () => {
    const { face, breakAudit } = await open();
    breakAudit();
    for (const who of ['root', 'scraper', null] as const) assert.equal((await face.handle(request(who))).status, 503);
  });

  test('by GET and HEAD only', async () => {
    const { face } = await open();
    const { status, headers } = await face.handle(request('root', 'POST'));
    assert.deepEqual([status, headers.allow], [405, 'GET, HEAD']);
  });
});

describe('the text format', () => {
  test('escapes what would end a label or a line', () => {
    const samples = [{ labels: { a: 'quo"te', b: 'back\\slash', c: 'new\nline' }, value: 1 }];
    const text = expositionOf([{ name: 'm', kind: 'gauge', help: 'two\nlines \\', samples }]);
    assert.equal(
      text,
      '# HELP m two\\nlines \\\\\n# TYPE m gauge\nm{a="quo\\"te",b="back\\\\slash",c="new\\nline"} 1\n',
    );
  });

  test('spells infinity as Prometheus reads it, and leaves out what has no samples', () => {
    const infinite = [{ value: Number.POSITIVE_INFINITY }, { value: Number.NEGATIVE_INFINITY }, { value: Number.NaN }];
    const text = expositionOf([
      { name: 'm', kind: 'gauge', help: 'M.', samples: infinite },
      { name: 'none', kind: 'gauge', help: 'None.', samples: [] },
    ]);
    assert.equal(text, '# HELP m M.\n# TYPE m gauge\nm +Inf\nm -Inf\nm NaN\n');
  });
});
