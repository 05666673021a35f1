import assert from 'node:assert/strict';
import { test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../engine/fake-functions.testing.ts';
import { openService, ROOT, STRANGER } from './testing.ts';

/** The fake clock begins at midnight, UTC, on Tuesday, 1 January 2030. */
const today = { name: 'incident', from: '2030-01-01', until: '2030-01-02' };
const reason = (expected: string) => (error: unknown) => error instanceof RekeyError && error.reason === expected;

async function open() {
  const opened = await openService({
    functions: fakeFunctions(new FakeTarget({ app: 'old-password' })),
  });
  const { secrets, rotation } = opened.service;
  for (const name of ['prod/db', 'staging/db']) {
    const text = JSON.stringify({ engine: 'fake', host: 'db', username: 'app', password: 'old-password' });
    await secrets.create(ROOT, { name, value: { versionId: name.padEnd(32, '-'), value: { kind: 'text', text } } });
    await rotation.configure(ROOT, name, { functionArn: 'rekey-fake', rule: { kind: 'manual' } });
  }
  const rotate = (secretId: string, more = {}) =>
    rotation.rotate(ROOT, { secretId, versionId: null, immediately: true, ...more });
  return { ...opened, ...opened.service, rotate };
}

test('a freeze is made for the names of its environments, is shown, and is lifted', async () => {
  const { freezes, rotate, rotation, clock } = await open();
  const [made] = await freezes.put(ROOT, { ...today, environments: ['production'] });
  assert.deepEqual([made?.secrets, made?.madeIn, made?.inForceUntil], [['prod/*'], 'store', clock.now() + 86_400_000]);
  await assert.rejects(rotate('prod/db'), reason('rotation-held'));
  assert.match((await rotation.plan(ROOT, 'prod/db')).inTheWay.join(), /Frozen by "incident"/);
  assert.deepEqual((await rotation.plan(ROOT, 'staging/db')).inTheWay, []);
  await rotate('staging/db');
  assert.deepEqual(await freezes.remove(ROOT, 'incident'), []);
  await rotate('prod/db');
});

test('a rotation that overrides a freeze needs a permission of its own, and its reason is on record', async () => {
  const { freezes, rotate, audited, rotation } = await open();
  await freezes.put(ROOT, today);
  const override = { freeze: 'the key is on the internet' };
  await assert.rejects(
    rotation.rotate(STRANGER, { secretId: 'prod/db', versionId: null, immediately: true, override }),
    reason('not-permitted'),
  );
  const { rotation: begun } = await rotate('prod/db', { override });
  assert.deepEqual(begun.override, override);
  assert.match(audited.at(-1)?.detail ?? '', /Overrides the freeze: the key is on the internet/);
});

test('who may not is refused, and what cannot be read is said', async () => {
  const { freezes } = await open();
  await assert.rejects(freezes.list(STRANGER), reason('not-permitted'));
  await assert.rejects(freezes.put(STRANGER, today), reason('not-permitted'));
  await assert.rejects(freezes.remove(STRANGER, 'incident'), reason('not-permitted'));
  await assert.rejects(freezes.put(ROOT, { ...today, environments: ['moon'] }), reason('environment-unknown'));
  await assert.rejects(freezes.put(ROOT, { ...today, environments: ['constructor'] }), reason('environment-unknown'));
  await assert.rejects(freezes.put(ROOT, { ...today, until: 'tomorrow' }), reason('freeze-invalid'));
  const lastYear = { from: '2029-01-01', until: '2029-01-02' };
  await assert.rejects(freezes.put(ROOT, { ...today, ...lastYear }), reason('freeze-over'));
  await assert.rejects(freezes.put(ROOT, { ...today, name: 'a\u001b[2J' }), reason('freeze-invalid'));
  await assert.rejects(freezes.remove(ROOT, 'incident'), reason('freeze-not-found'));
});
