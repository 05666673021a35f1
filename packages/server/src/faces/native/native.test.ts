import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type FindRotationFunction, RekeyError } from '@rekey/core';
import { rotationFunctionFrom, rotators } from '@rekey/rotators';
import { openService, ROOT, type TestService } from '../../service/testing.ts';
import { testFace } from '../conformance.ts';
import type { Face, FaceRequest } from '../face.ts';
import { nativeFace } from './index.ts';

const VALUE = 'a value no error may repeat';
const NAME = 'team/db';
const PATH = `/rekey/secrets/${encodeURIComponent(NAME)}`;

let requests = 0;

function request(
  method: string,
  path: string,
  body?: unknown,
  headers: FaceRequest['headers'] = [['authorization', 'x']],
): FaceRequest {
  requests += 1;
  const [pathname = '', query = ''] = path.split('?');
  const bytes =
    body === undefined ? new Uint8Array() : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  return {
    id: `request-${requests}`,
    method,
    path: pathname,
    query,
    headers,
    body: bytes,
    remoteAddress: '127.0.0.1',
    secure: false,
  };
}

async function open(): Promise<TestService & { readonly face: Face }> {
  const opened = await openService({
    functions: (access, random) => {
      const randomValue = rotationFunctionFrom(rotators['random-value']!(), access, { random });
      const find: FindRotationFunction = (name) => (name === 'rekey-random-value' ? randomValue : null);
      return find;
    },
  });
  const versionId = 'first-version-first-version-first';
  await opened.service.secrets.create(ROOT, { name: NAME, value: { versionId, value: { kind: 'text', text: VALUE } } });
  const face = nativeFace({
    service: opened.service,
    version: '1.2.3',
    authenticate: (asked) => {
      if (asked.headers.some(([name]) => name === 'authorization')) return { ...ROOT, requestId: asked.id };
      throw new RekeyError('unauthenticated', 'nobody', { reason: 'missing-authentication' });
    },
    refused: ({ remoteAddress: address, id: requestId }, action, error) =>
      opened.service.cases.refuse({ action, principal: 'anonymous', accessKeyId: null, address, requestId }, error),
  });
  return { ...opened, face };
}

async function ask(
  face: Face,
  asked: FaceRequest,
): Promise<{ readonly status: number; readonly body: Record<string, never> & { [key: string]: unknown } }> {
  const answer = await face.handle(asked);
  return { status: answer.status, body: JSON.parse(String(answer.body)) };
}

testFace({
  name: 'native',
  open: async () => ({ ...(await open()), close: async () => {} }),
  value: VALUE,
  requestIdHeader: 'x-request-id',
  requests: [
    request('GET', '/rekey/status'),
    request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: '30d' }),
    request('GET', `${PATH}/rotation`),
    request('POST', `${PATH}/rotate`),
    request('GET', `${PATH}/rotations?limit=3`),
    request('GET', `${PATH}/rotations/none`),
    request('GET', `${PATH}/holders`),
    request('POST', `${PATH}/holders`, { versionId: null, instance: 'pod-1' }),
    request('GET', '/rekey/changes'),
    request('POST', `${PATH}/adopt`, { rotator: 'random-value' }),
    request('POST', `${PATH}/plan`, { rotator: 'random-value' }),
    request('POST', `${PATH}/rollback`),
    request('POST', `${PATH}/repair`),
    request('POST', `${PATH}/unstick`),
    request('POST', `${PATH}/breach`, { overlap: '0s', sessions: 'keep', note: 'seen in a log' }),
    request('POST', '/rekey/breaches', { value: 'some leaked value' }),
    request('GET', '/rekey/breaches'),
    request('GET', '/rekey/breaches/none'),
    request('GET', '/rekey/quarantine'),
    request('POST', '/rekey/quarantine/end', {}),
    request('POST', '/rekey/backup'),
    request('POST', '/rekey/plan', {
      groups: { g: { policies: {} } },
      secrets: { [NAME]: { rotator: 'random-value' } },
    }),
    request('POST', '/rekey/apply', { users: { u: null }, prune: false }),
  ],
});

describe('the native face', () => {
  test('refuses each limit that is none, and a body that is too long in its own form', async () => {
    const { face } = await open();
    for (const limit of ['-5', '0', '1.5', 'x', ''])
      assert.equal((await ask(face, request('GET', `${PATH}/rotations?limit=${limit}`))).status, 400, limit);
    const answer = await face.refuseLargeBody?.(request('POST', '/rekey/apply'), 1_024);
    assert.equal(answer?.status, 413);
    const { error } = JSON.parse(String(answer?.body)) as { readonly error: Record<string, string> };
    assert.deepEqual([error.code, error.reason], ['invalid-input', 'body-too-large']);
  });

  test('configures a rotation, begins it, and shows each step of it', async () => {
    const { face, engine } = await open();
    const configured = await ask(
      face,
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: '12h', overlap: '10m' }),
    );
    assert.equal(configured.status, 200);
    const rotation = configured.body.rotation as unknown as { rule: unknown; settings: { overlap: number } };
    assert.deepEqual(rotation.rule, { kind: 'every', every: 43_200_000 });
    assert.equal(rotation.settings.overlap, 600_000);
    const begun = (await ask(face, request('POST', `${PATH}/rotate`))).body.rotation as unknown as { id: string };
    for (let turn = 0; turn < 10; turn++) await engine.worker.tick();
    const shown = (await ask(face, request('GET', `${PATH}/rotations/${begun.id}`))).body.rotation as unknown as {
      promotedAt: number | null;
      steps: { step: string; outcome: string }[];
    };
    assert.notEqual(shown.promotedAt, null);
    assert.deepEqual(
      shown.steps.slice(0, 4).map(({ step }) => step),
      ['create', 'set', 'test', 'finish'],
    );
    assert.ok(!JSON.stringify(shown).includes(VALUE));
  });

  test('takes how long holders may keep the old value, takes it back, and refuses one that cannot be kept', async () => {
    const { face } = await open();
    const set = async (wish: object) => {
      const { status, body } = await ask(
        face,
        request('PUT', `${PATH}/rotation`, { rotator: 'random-value', ...wish }),
      );
      const { settings } = (body.rotation ?? {}) as unknown as { settings?: { retireWithin: number | null } };
      return [status, settings?.retireWithin ?? (body.error as unknown as { reason?: string })?.reason ?? null];
    };
    assert.deepEqual(await set({ every: '30d', overlap: '1h', retireWithin: '6h' }), [200, 21_600_000]);
    assert.deepEqual(await set({ overlap: '7h' }), [400, 'retirement-shorter-than-overlap']);
    assert.deepEqual(await set({ every: '5h' }), [400, 'interval-not-longer-than-retirement']);
    assert.deepEqual(await set({ retireWithin: null }), [200, null]);
  });

  test('takes an instance’s word for the version it uses, and shows it apart from what was read', async () => {
    const { face } = await open();
    const versionId = 'first-version-first-version-first';
    const says = (body: object) => ask(face, request('POST', `${PATH}/holders`, body));
    assert.equal((await says({ versionId, instance: 'pod-1', every: '5m' })).status, 200);
    assert.equal((await says({ versionId, instance: 'pod-2' })).status, 200);
    const shown = async () => {
      const { body } = await ask(face, request('GET', `${PATH}/holders`));
      return (body.holders as unknown as Record<string, unknown>[])
        .map((holder) => [holder.instance, holder.signal, holder.state, holder.interval, holder.ifRotatedNow])
        .sort();
    };
    assert.deepEqual(await shown(), [
      ['pod-1', 'acknowledged', 'current', 300_000, 'waited-for'],
      ['pod-2', 'acknowledged', 'current', null, 'holds-to-deadline'],
    ]);
    assert.equal((await says({ versionId: null, instance: 'pod-2' })).status, 200);
    assert.equal((await shown()).length, 1);
    const none = await says({ versionId: 'no-such-version-no-such-version-', instance: 'pod-3' });
    assert.equal(none.status, 404);
    for (const instance of ['', 'two words', 'line\nend', 'x'.repeat(129)])
      assert.equal((await says({ versionId, instance })).status, 400);
  });

  test('plans what is declared, and deletes nobody for a section with nothing behind it', async () => {
    const { face } = await open();
    const trust = {
      Version: '2012-10-17',
      Statement: [{ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' }],
    };
    const declared = { users: { app: null }, roles: { job: { trust, maxSession: '2h' } }, prune: true };
    const planned = await ask(face, request('POST', '/rekey/plan', declared));
    const { changes, plan } = planned.body as unknown as { changes: { details: object[] }[]; plan: string };
    assert.deepEqual(changes[1]?.details.at(-1), { member: 'maxSession', entry: null, after: 7200 });
    const applied = await ask(face, request('POST', '/rekey/apply', { ...declared, plan }));
    assert.deepEqual([applied.status, applied.body], [200, planned.body]);
    const late = await ask(face, request('POST', '/rekey/apply', { ...declared, plan }));
    assert.equal(late.status, 409);
    const empty = await ask(face, request('POST', '/rekey/plan', { users: null, prune: true }));
    assert.deepEqual(empty.body.changes, []);
    const none = await ask(face, request('POST', '/rekey/plan', { users: {}, prune: true }));
    assert.equal((none.body.changes as unknown as object[]).length, 1);
  });

  test('takes whole days as AWS’s own rule, so that DescribeSecret can show them', async () => {
    const { face } = await open();
    const { body } = await ask(
      face,
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: '30d', window: '3h' }),
    );
    assert.deepEqual((body.rotation as unknown as { rule: unknown }).rule, { kind: 'days', days: 30, duration: '3h' });
  });

  const refusals: readonly (readonly [string, FaceRequest, number, string])[] = [
    ['a request without credentials', request('GET', '/rekey/status', undefined, []), 401, 'missing-authentication'],
    ['an unknown path', request('GET', '/rekey/none'), 404, 'unknown-path'],
    ['another method', request('DELETE', '/rekey/status'), 400, 'method-not-allowed'],
    ['a body that is no JSON', request('PUT', `${PATH}/rotation`, '{"rotator":'), 400, 'malformed-body'],
    ...['[', '{"a":'].map(
      (opening) =>
        [
          `a body that is nests of ${opening} as deep as they go`,
          request(
            'POST',
            '/rekey/plan',
            `{"users":{"a":{"policies":{"p":{"x":${opening.repeat(5_000)}1${(opening === '[' ? ']' : '}').repeat(5_000)}}}}}}`,
          ),
          400,
          'malformed-body',
        ] as const,
    ),
    [
      'a name that would be passed over',
      request('POST', '/rekey/plan', '{"users":{"__proto__":{"tags":{"a":"b"}}}}'),
      400,
      'malformed-body',
    ],
    [
      'a tag that would be passed over',
      request('POST', '/rekey/plan', '{"users":{"a":{"tags":{"\\u005f_proto__":"b"}}}}'),
      400,
      'malformed-body',
    ],
    ['a member of dots', request('PUT', `${PATH}/rotation`, { ['.'.repeat(20_000)]: 1 }), 400, 'malformed-body'],
    [
      'an unknown member',
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', evry: '30d' }),
      400,
      'malformed-body',
    ],
    [
      'two schedules',
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: '30d', schedule: 'rate(1 day)' }),
      400,
      'malformed-body',
    ],
    [
      'a malformed duration',
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: 'soon' }),
      400,
      'duration-malformed',
    ],
    [
      'an interval within the overlap',
      request('PUT', `${PATH}/rotation`, { rotator: 'random-value', every: '30m', overlap: '1h' }),
      400,
      'interval-not-longer-than-overlap',
    ],
    [
      'a trust policy with a unique id',
      request('POST', '/rekey/plan', {
        roles: { r: { trust: { Statement: [{ Principal: { AWS: 'AIDAAAAAAAAAAAAAAAAAA' } }] } } },
      }),
      400,
      'malformed-body',
    ],
    ['an unknown section', request('POST', '/rekey/plan', { user: {} }), 400, 'malformed-body'],
    ['a name declared twice', request('POST', '/rekey/plan', { users: { a: {}, A: {} } }), 400, 'malformed-body'],
    ['a name that is none', request('POST', '/rekey/plan', { users: { 'a b': {} } }), 400, 'malformed-body'],
    [
      'a policy as text',
      request('POST', '/rekey/plan', { policies: { p: { document: '{}' } } }),
      400,
      'malformed-body',
    ],
    [
      'a malformed duration of a declared secret',
      request('POST', '/rekey/plan', { secrets: { [NAME]: { every: 'soon' } } }),
      400,
      'duration-malformed',
    ],
    ['a limit that is none', request('GET', `${PATH}/rotations?limit=some`), 400, 'malformed-query'],
    ['a place in the stream that is none', request('GET', '/rekey/changes?after=then'), 400, 'malformed-query'],
    ['a wait that is too long', request('GET', '/rekey/changes?wait=1h'), 400, 'duration-out-of-bounds'],
    [
      'a port that there is none of',
      request('PUT', `${PATH}/rotation`, { via: 'pooler:65536' }),
      400,
      'malformed-body',
    ],
    ['a port of nought', request('PUT', `${PATH}/rotation`, { via: '[::1]:0' }), 400, 'malformed-body'],
    ['an unknown secret', request('GET', '/rekey/secrets/none/rotation'), 404, 'secret-not-found'],
    ['an unknown rotation', request('GET', `${PATH}/rotations/none`), 404, 'rotation-not-found'],
  ];
  for (const [what, asked, status, reason] of refusals)
    test(`refuses ${what} in one sentence, and puts it on record`, async () => {
      const { face, audited } = await open();
      const before = audited.length;
      const answer = await ask(face, asked);
      const { error } = answer.body as unknown as { error: { reason: string; message: string } };
      assert.deepEqual([answer.status, error.reason], [status, reason]);
      assert.match(error.message, /\S.*[.:]$|\S/);
      assert.ok(error.message.length < 1_000);
      assert.equal(audited.length, before + 1);
      assert.notEqual(audited.at(-1)?.outcome, 'allowed');
    });

  test('answers nothing that it cannot put on record', async () => {
    const { face, breakAudit } = await open();
    breakAudit();
    assert.equal((await ask(face, request('GET', '/rekey/status'))).status, 503);
  });
});
