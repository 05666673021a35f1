import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { type Caller, CURRENT, type RotationSettings, rootPrincipal } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { House } from '../house.testing.ts';
import type { Engine } from '../testing.ts';
import { findLabelled } from '../versions.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

let target: FakeTarget;
let house: House<FakeTarget>;
let engine: Engine;

beforeEach(() => open({}));

async function open(settings: Partial<RotationSettings>): Promise<void> {
  target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  house = await House.open({
    target,
    settings: { strategy: 'alternating-users', overlap: HOUR, retireWithin: 12 * HOUR, ...settings },
    functions: fakeFunctions(target),
  });
  engine = await house.server();
}

function caller(address: string): Caller {
  return {
    principal: rootPrincipal('000000000000'),
    accessKeyId: 'AKIAAPP',
    address,
    secure: true,
    userAgent: null,
    face: 'aws-secretsmanager',
    requestId: 'request-1',
  };
}

async function reads(address: string): Promise<void> {
  const current = findLabelled(await house.secret(), CURRENT);
  engine.holders.saw(caller(address), house.secretId, current?.id ?? '');
}

/** Ticks and lets time pass until it was so long. */
async function pass(milliseconds: number, each: () => Promise<void> = async () => {}): Promise<void> {
  for (let passed = 0; passed < milliseconds; passed += 5 * MINUTE) {
    await each();
    await engine.worker.tick();
    await engine.clock.advance(5 * MINUTE);
  }
  await engine.worker.tick();
}

async function rotated(): Promise<void> {
  await engine.rotations.begin(house.secretId, { versionId: null, cause: 'manual', askedBy: 'test' });
  for (let turn = 0; turn < 5; turn += 1) await engine.worker.tick();
}

const active = () => engine.rotations.active(house.secretId);
const oldIsAccepted = () => target.accepts('app', 'old-password');

describe('the end of the old value', () => {
  it('comes with the end of the overlap when every holder has moved', async () => {
    await pass(30 * MINUTE, () => reads('10.0.0.1'));
    await rotated();
    await pass(50 * MINUTE, () => reads('10.0.0.1'));
    assert.equal(oldIsAccepted(), true);
    await pass(15 * MINUTE, () => reads('10.0.0.1'));
    assert.equal(await active(), null);
    assert.equal(oldIsAccepted(), false);
  });

  it('waits for one that has not, says for whom and until when, and comes soon after it has', async () => {
    await pass(30 * MINUTE, async () => {
      await reads('10.0.0.1');
      await reads('10.0.0.2');
    });
    await rotated();
    await pass(HOUR + 10 * MINUTE, async () => {
      await reads('10.0.0.1');
      engine.holders.saw(caller('10.0.0.2'), house.secretId, 'app-first');
    });
    const waiting = await active();
    assert.equal(waiting?.state, 'retiring');
    assert.match(waiting?.waitingFor ?? '', /for AKIAAPP at 10\.0\.0\.2, at the latest until 2030-01-01T12:30/);
    assert.doesNotMatch(waiting?.waitingFor ?? '', /10\.0\.0\.1/);
    assert.equal(oldIsAccepted(), true);
    await pass(15 * MINUTE, () => reads('10.0.0.2'));
    assert.equal(await active(), null);
    assert.equal(oldIsAccepted(), false);
  });

  it('comes without one that has been silent for three of its intervals', async () => {
    await pass(30 * MINUTE, () => reads('10.0.0.2'));
    await rotated();
    await pass(HOUR + 5 * MINUTE);
    assert.equal(await active(), null);
  });

  it('waits after hours in which no server ran for those that could not come by, and no longer than they would', async () => {
    await pass(30 * MINUTE, async () => {
      await reads('10.0.0.1');
      await reads('10.0.0.2');
    });
    await rotated();
    await engine.clock.advance(3 * HOUR);
    engine = await house.server({ clock: engine.clock });
    await pass(10 * MINUTE);
    assert.equal(oldIsAccepted(), true, 'they hold the old value, and were away only as the servers were');
    await pass(25 * MINUTE, () => reads('10.0.0.1'));
    assert.equal(await active(), null, 'the other one did not come back');
    assert.equal(oldIsAccepted(), false);
  });

  it('comes at the deadline for one that was seen once, with its name on record before the revocation', async () => {
    await reads('10.0.0.3');
    await rotated();
    await pass(11 * HOUR + 55 * MINUTE);
    assert.equal(oldIsAccepted(), true);
    await pass(10 * MINUTE);
    assert.equal(oldIsAccepted(), false);
    const [ended] = await engine.rotations.history(house.secretId);
    assert.deepEqual(ended?.leftBehind, ['AKIAAPP at 10.0.0.3']);
    assert.notEqual(ended?.oldRefusedAt, null);
    const told = house.alerts.changes.find(({ after }) => after.leftBehind !== undefined);
    assert.equal(told?.before?.state, 'retiring');
    assert.equal(told?.after.doing, null);
  });

  it('waits for sessions that are open at the target under the old role, and says how many', async () => {
    target.openSessions('app', 2);
    await rotated();
    await pass(HOUR + 10 * MINUTE);
    assert.equal(oldIsAccepted(), true);
    assert.match((await active())?.waitingFor ?? '', /for 2 sessions open at the target, at the latest until/);
    assert.equal((await active())?.openSessions, 2);
    target.openSessions('app', 0);
    await pass(15 * MINUTE);
    assert.equal(oldIsAccepted(), false);
  });

  it('waits while the target cannot be asked for sessions, up to the deadline, and is no failure', async () => {
    await rotated();
    target.breaks('sessions', 'down', Number.POSITIVE_INFINITY);
    await pass(HOUR + 10 * MINUTE);
    assert.match((await active())?.waitingFor ?? '', /which could not be asked/);
    assert.equal((await active())?.attempts, 0);
    await pass(11 * HOUR);
    assert.equal(oldIsAccepted(), false);
  });

  it('does not ask the target for sessions while a holder keeps the old value anyway', async () => {
    await reads('10.0.0.3');
    await rotated();
    await pass(2 * HOUR);
    assert.ok(!target.calls.includes('sessions app'));
  });

  it('comes with the overlap alone in a rotation because of a breach', async () => {
    await reads('10.0.0.3');
    await engine.rotations.begin(house.secretId, { versionId: null, cause: 'breach', askedBy: 'test' });
    await pass(HOUR + 5 * MINUTE);
    assert.equal(oldIsAccepted(), false);
  });

  it('that a rotation of before there were deadlines waits for comes after 24 overlaps', async () => {
    await open({ overlap: 10 * MINUTE, retireWithin: null });
    await reads('10.0.0.3');
    await rotated();
    const record = await active();
    const { retireBy: _, ...before } = record!;
    const entry = await house.store.get('rotation', before.id);
    await house.store.commit([{ collection: 'rotation', id: before.id, record: before, expect: entry!.revision }]);
    await pass(3 * HOUR + 50 * MINUTE);
    assert.equal(oldIsAccepted(), true);
    await pass(20 * MINUTE);
    assert.equal(oldIsAccepted(), false);
  });
});
