import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { RekeyError } from '@rekey/core';
import { quiet } from '../engine/fake-clock.testing.ts';
import { MOST_WAITING_OF_PRINCIPAL } from './changes.ts';
import { openService, ROOT, STRANGER } from './testing.ts';

const VERSION = 'first-version-first-version-first';
const NEXT = 'second-version-second-version-sec';

async function open() {
  const opened = await openService();
  const { secrets } = opened.service;
  for (const name of ['a', 'b'])
    await secrets.create(ROOT, { name, value: { versionId: VERSION, value: { kind: 'text', text: 'hidden-1' } } });
  const put = (name: string) =>
    opened.service.values.put(ROOT, { secretId: name, versionId: NEXT, value: { kind: 'text', text: 'hidden-2' } });
  const next = (after: string | null, wish: { secrets?: string[]; wait?: number } = {}, gone?: AbortSignal) =>
    opened.service.changes.next(
      ROOT,
      { after: after === null ? null : Number(after), secrets: wish.secrets ?? [], wait: wish.wait ?? 0 },
      gone,
    );
  return { ...opened, put, next };
}

describe('whoever listens for changes', () => {
  test('is told names and version ids, and never a value', async () => {
    const { put, next } = await open();
    const { after } = await next(null);
    await put('a');
    const answer = await next(after);
    assert.deepEqual(
      answer.changes.map(({ name, versionId }) => [name, versionId]),
      [['a', NEXT]],
    );
    assert.ok(!JSON.stringify(answer).includes('hidden'));
    assert.deepEqual((await next(answer.after)).changes, []);
  });

  test('is answered as soon as something changes, and only for the secrets that were named', async () => {
    const { put, next, clock } = await open();
    const { after } = await next(null);
    let answered = false;
    const waits = next(after, { secrets: ['b'], wait: 30_000 }).finally(() => {
      answered = true;
    });
    await quiet();
    await put('a');
    await clock.advance(5_000);
    assert.equal(answered, false);
    await put('b');
    await clock.advance(1);
    assert.deepEqual(
      (await waits).changes.map(({ name }) => name),
      ['b'],
    );
  });

  test('is answered with nothing when the time is over', async () => {
    const { next, clock } = await open();
    const { after } = await next(null);
    const waits = next(after, { wait: 30_000 });
    await clock.advance(30_001);
    assert.deepEqual((await waits).changes, []);
  });

  test('leaves a place for others by hanging up, as a whole fleet does that comes back after a break of the network', async () => {
    const { next } = await open();
    const { after } = await next(null);
    const hangUps = Array.from({ length: MOST_WAITING_OF_PRINCIPAL }, () => new AbortController());
    const waiting = hangUps.map(({ signal }) => next(after, { wait: 30_000 }, signal));
    await assert.rejects(next(after, { wait: 30_000 }), { reason: 'too-many-waiting' });
    for (const hangUp of hangUps) hangUp.abort();
    for (const answer of await Promise.all(waiting)) assert.deepEqual(answer.changes, []);
    assert.deepEqual((await next(after)).changes, []);
  });

  test('hears only of secrets that they may read', async () => {
    const { service, put, next } = await open();
    const statement = { Effect: 'Allow', Action: 'rekey:WatchChanges', Resource: '*' };
    const policy = (more: object[]) => JSON.stringify({ Version: '2012-10-17', Statement: [statement, ...more] });
    const { access } = service;
    const { record: user } = await access.users.create(ROOT, { name: 'listener', path: '/', tags: [] });
    const reads = {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: 'arn:aws:secretsmanager:*:*:secret:a-*',
    };
    await access.inline.put(ROOT, 'user', 'listener', { name: 'listen', document: policy([reads]) });
    const { after } = await next(null);
    await put('a');
    await put('b');
    const caller = { ...STRANGER, principal: { ...STRANGER.principal, id: user.id, arn: user.arn, name: user.name } };
    const { changes } = await service.changes.next(caller, { after: Number(after), secrets: [], wait: 0 });
    assert.deepEqual(
      changes.map(({ name }) => name),
      ['a'],
    );
  });

  test('is refused without the action of its own', async () => {
    const { service } = await open();
    const asked = service.changes.next(STRANGER, { after: null, secrets: [], wait: 0 });
    await assert.rejects(asked, (error: RekeyError) => error.reason === 'not-permitted');
  });
});
