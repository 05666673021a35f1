import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Caller, rootPrincipal, type SecretRecord } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import type { HolderRecord } from '../../store/collections.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { House } from '../house.testing.ts';
import type { Engine } from '../testing.ts';
import { holdForHolders, OBSERVATION } from './adoption-watch.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

async function adopted(rule?: { kind: 'every'; every: number }) {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const house = await House.open({
    target,
    rule: rule ?? { kind: 'every', every: HOUR },
    settings: { strategy: 'single-user', overlap: 0 },
    functions: fakeFunctions(target),
  });
  const engine = await house.server();
  const { record, revision } = (await house.store.get('secret', house.secretId))!;
  const marked: SecretRecord = { ...record, adoptedAt: engine.clock.now() };
  await house.store.commit([{ collection: 'secret', id: record.id, record: marked, expect: revision }]);
  return { house, engine, target };
}

const reader: Caller = {
  principal: rootPrincipal('000000000000'),
  accessKeyId: 'AKIAAPP',
  address: '10.0.0.1',
  secure: true,
  userAgent: null,
  face: 'aws-secretsmanager',
  requestId: 'request-1',
};

async function pass(engine: Engine, milliseconds: number, each: () => void = () => {}): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 10 * MINUTE) {
    each();
    await engine.holders.flush();
    for (let turn = 0; turn < 6; turn += 1) await engine.worker.tick();
    await engine.clock.advance(10 * MINUTE);
  }
}

describe('the first scheduled rotation of an adopted secret', () => {
  it('waits while nobody was seen with it, says so, and comes when the time to watch is over', async () => {
    const { house, engine, target } = await adopted();
    await pass(engine, 3 * HOUR);
    assert.ok(target.accepts('app', 'old-password'));
    const { reasons } = await engine.rotations.due(house.secretId);
    assert.match(reasons.map(({ sentence }) => sentence).join(' '), /was adopted.*nobody has been seen with it yet/);
    await pass(engine, OBSERVATION);
    assert.ok(!target.accepts('app', 'old-password'));
  });

  it('waits for one that was seen once, and comes soon after it was seen again', async () => {
    const { house, engine, target } = await adopted();
    engine.holders.saw(reader, house.secretId, 'app-first');
    await pass(engine, 3 * HOUR);
    assert.ok(target.accepts('app', 'old-password'));
    engine.holders.saw(reader, house.secretId, 'app-first');
    await pass(engine, HOUR);
    assert.ok(!target.accepts('app', 'old-password'));
  });

  it('comes in its first window where all holders are known by then, never before', async () => {
    const { house, engine, target } = await adopted();
    const reads = () => engine.holders.saw(reader, house.secretId, 'app-first');
    await pass(engine, 50 * MINUTE, reads);
    assert.ok(target.accepts('app', 'old-password'));
    await pass(engine, 40 * MINUTE, reads);
    assert.ok(!target.accepts('app', 'old-password'));
  });

  it('waits for the next window where the one it was planned in closes meanwhile', async () => {
    const { house, engine } = await adopted();
    const secret = await house.secret();
    const now = engine.clock.now();
    const rule = { kind: 'expression', expression: 'cron(0 2 * * ? *)', duration: '1h' } as const;
    const closesAt = now + 3 * HOUR - 1_000;
    const planned = {
      ...secret,
      rotation: { ...secret.rotation!, rule, plannedAt: now + 2 * HOUR, deadlineAt: closesAt },
    };
    const none: readonly HolderRecord[] = [];
    assert.equal(holdForHolders(planned, none, now + 2 * HOUR)?.until, now + 2 * HOUR + 15 * MINUTE);
    assert.equal(holdForHolders(planned, none, closesAt)?.until, now + 26 * HOUR);
    assert.equal(holdForHolders(planned, none, now + OBSERVATION), null);
  });
});
