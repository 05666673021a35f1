import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENT, PENDING, type Strategy } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import type { Boundary } from '../boundary.ts';
import { FakeClock } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { openBench, textOf } from '../house.testing.ts';
import type { EngineOptions } from '../testing.ts';
import { promote } from '../versions.ts';

const MINUTE = 60_000;
const OVERLAP = 10 * MINUTE;

/** A rotation called off when the target had taken its value beside the current one and before it was promoted. */
async function calledOff(server: Partial<EngineOptions> = {}, strategy: Strategy = 'alternating-users') {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const functions: EngineOptions['functions'] = fakeFunctions(target, { strategies: [strategy] });
  const settings = { strategy, overlap: OVERLAP } as const;
  const bench = await openBench({ target, functions, settings }, server);
  target.breaks('test', 'down', Number.POSITIVE_INFINITY);
  await bench.begin();
  await bench.worker.tick();
  await bench.rotations.cancel(bench.house.secretId, bench.clock.now());
  target.mend();
  const { username, password } = JSON.parse((await bench.house.textOf(PENDING)) ?? '{}');
  const logsIn = () => target.accepts(username, password);
  assert.equal(logsIn(), true, 'the target has taken the value');
  return { ...bench, logsIn, given: password as string };
}

describe('a value that was given up after its target had taken it', () => {
  for (const strategy of ['alternating-users', 'dual-password'] as const)
    it(`(${strategy}) is refused there an overlap later, and what is in use is not touched`, async () => {
      const { house, pass, logsIn, latest, engine } = await calledOff({}, strategy);
      assert.deepEqual([(await latest()).state, (await latest()).leftover], ['abandoned', 'accepted']);
      await pass(OVERLAP - MINUTE);
      assert.equal(logsIn(), true);
      await pass(2 * MINUTE);
      assert.equal(logsIn(), false);
      assert.deepEqual([(await latest()).leftover, (await latest()).nextAttemptAt], ['revoked', null]);
      assert.equal(await house.accepts(CURRENT), true);
      assert.ok(engine.audited.some(({ action }) => action === 'rekey:LeftoverRevoked'));
    });

  it('is tried again, and told, until the target can be reached', async () => {
    const { pass, logsIn, latest, target, house } = await calledOff();
    target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    await pass(OVERLAP + MINUTE);
    assert.equal((await latest()).leftover, 'accepted');
    assert.match((await latest()).waitingFor ?? '', /may still log in at its target\. .*runs and can be reached/);
    target.mend();
    await pass(10 * MINUTE);
    assert.equal(logsIn(), false);
    assert.equal((await latest()).leftover, 'revoked');
    assert.equal(await house.accepts(CURRENT), true);
  });

  it('is never revoked once a rotation has taken it up and made it current', async () => {
    const { begin, pass, logsIn, house, given } = await calledOff();
    await begin();
    await pass(3 * OVERLAP);
    assert.equal(JSON.parse((await house.textOf(CURRENT)) ?? '{}').password, given);
    assert.equal(logsIn(), true);
    const [, first] = await house.server().then(({ rotations }) => rotations.history(house.secretId));
    assert.equal(first?.leftover, 'superseded');
  });

  it('is never revoked where somebody has made it current by hand', async () => {
    const { house, pass, logsIn, clock, latest } = await calledOff();
    const secret = (await house.store.get('secret', house.secretId))!;
    const record = promote(secret.record, (await latest()).versionId, clock.now());
    await house.store.commit([{ collection: 'secret', id: secret.id, record, expect: secret.revision }]);
    await pass(2 * OVERLAP);
    assert.equal(logsIn(), true);
    assert.equal((await latest()).leftover, 'superseded');
  });

  it('is left to the target’s fence where a later rotation wrote to its account', async () => {
    const { house, pass, latest, target, logsIn } = await calledOff();
    const { versionId } = await latest();
    target.write('app_clone', (await house.secret()).arn, 99, ['of a later rotation']);
    await pass(2 * OVERLAP);
    assert.equal(logsIn(), false);
    assert.equal(target.accepts('app_clone', 'of a later rotation'), true);
    assert.deepEqual([(await latest()).versionId, (await latest()).leftover], [versionId, 'superseded']);
  });

  it('waits while another rotation is at work', async () => {
    const { house, pass, latest, logsIn, target, rotations, clock } = await calledOff();
    target.breaks('test', 'down', Number.POSITIVE_INFINITY);
    await rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
    await pass(2 * OVERLAP);
    assert.equal(logsIn(), true, 'the rotation at work goes on with the value');
    await rotations.cancel(house.secretId, clock.now());
    target.mend();
    await pass(2 * OVERLAP);
    assert.equal(logsIn(), false);
    assert.equal((await latest()).leftover, 'revoked');
    assert.equal(await house.accepts(CURRENT), true);
  });

  for (const at of ['revoke-intent', 'revocation', 'revoke-outcome'] as const)
    for (const side of ['before', 'after'] as const)
      it(`is refused in the end though the server dies ${side} ${at}`, async () => {
        let died = false;
        const boundary = (reached: Boundary) => {
          if (reached !== `${side}:${at}`) return;
          died = true;
          return new Promise<void>(() => {});
        };
        const { house, clock, logsIn, worker } = await calledOff({ boundary });
        await clock.advance(OVERLAP + MINUTE);
        void worker.tick();
        while (!died) await new Promise(setImmediate);
        const later = new FakeClock(clock.now() + MINUTE);
        const heir = await house.server({ clock: later });
        for (let turn = 0; turn < 5; turn += 1) {
          await heir.worker.tick();
          await later.advance(MINUTE);
        }
        assert.equal(logsIn(), false);
        const [record] = await heir.rotations.history(house.secretId);
        assert.equal(record?.leftover, 'revoked');
        assert.equal(await house.accepts(CURRENT), true);
        assert.equal(await textOf(house.store, house.secretId, PENDING), await house.textOf(PENDING));
      });
});
