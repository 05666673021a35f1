import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { CURRENT, type RotationCause, type RotationRecord } from '@rekey/core';
import { FakeTarget } from '@rekey/rotators';
import { quiet } from '../fake-clock.testing.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { credential, type House, openBench, putSecret } from '../house.testing.ts';
import { byTurn, rankOf } from './turn.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;
const NOW = Date.UTC(2030, 0, 1);

/** A hundred secrets at one target, more than one page of a queue, and places for so many. */
async function open(overall: number, perTarget = overall, secrets = 3) {
  const names = Array.from({ length: secrets }, (_, index) => `app-${index}`);
  const users = Object.fromEntries([...names, 'app', 'admin'].map((name) => [name, `${name}-password`]));
  const target = new FakeTarget({ ...users, app: 'old-password' });
  const bench = await openBench(
    {
      target,
      rule: { kind: 'manual' },
      settings: { strategy: 'alternating-users', overlap: MINUTE },
      functions: fakeFunctions(target),
    },
    { settings: { caps: { overall, perTarget } } },
  );
  const { house, clock, rotations } = bench;
  const ids: string[] = [];
  for (const name of names) {
    const value = credential(name, `${name}-password`);
    ids.push(await putSecret(house.store, clock.now(), { name, value, settings: { overlap: MINUTE } }));
  }
  const ask = (secretId: string, cause: RotationCause) =>
    rotations.begin(secretId, { versionId: null, cause, askedBy: 'test' });
  const started = async () => {
    const records = await Promise.all(ids.map(async (id) => (await rotations.history(id, 1))[0]));
    return records.flatMap((record, index) => (record?.startedAt == null ? [] : [index]));
  };
  return { ...bench, ids, ask, started };
}

/** Gives a secret's waiting rotation a deadline, as the schedule does. */
async function dueBy(house: House<FakeTarget>, secretId: string, deadline: number) {
  const id = (await house.store.get('secret', secretId))?.record.rotation?.activeRotationId ?? '';
  const entry = await house.store.get('rotation', id);
  assert.ok(entry);
  const record: RotationRecord = { ...entry.record, cause: 'schedule', dueBy: deadline };
  await house.store.commit([{ collection: 'rotation', id, record, expect: entry.revision }]);
}

describe('who goes first', () => {
  const base = { id: '', nextAttemptAt: NOW, startedAt: null, setStartedAt: null, promotedAt: null } as RotationRecord;
  const records: Readonly<Record<string, Partial<RotationRecord>>> = {
    test: { cause: 'adopt' },
    due: { cause: 'schedule', dueBy: NOW + HOUR },
    'due sooner': { cause: 'schedule', dueBy: NOW + MINUTE },
    'to retire': { cause: 'schedule', dueBy: NOW - HOUR, startedAt: NOW - HOUR, promotedAt: NOW - MINUTE },
    overdue: { cause: 'schedule', dueBy: NOW - 1 },
    asked: { cause: 'manual' },
    repair: { cause: 'drift', nextAttemptAt: NOW - 1 },
    breach: { cause: 'breach' },
    'half set': { cause: 'schedule', startedAt: NOW - 1, setStartedAt: NOW - 1, nextAttemptAt: NOW - 1 },
  };
  const order = ['half set', 'breach', 'repair', 'asked', 'overdue', 'to retire', 'due sooner', 'due', 'test'];

  test('breach before overdue before due; what somebody waits for between, tests last', () => {
    const all = Object.entries(records).map(([id, record]) => ({ ...base, ...record, id, secretId: id, number: 1 }));
    for (const shuffled of [all, [...all].reverse(), [...all, ...all]])
      assert.deepEqual(
        byTurn(shuffled, NOW).map(({ id }) => id),
        order,
      );
  });

  test('what is in the way of another of the same secret goes before it', () => {
    const ahead = { ...base, ...records['to retire'], id: 'ahead', secretId: 'one', number: 1 };
    const behind = { ...base, ...records.asked, id: 'behind', secretId: 'one', number: 2 };
    const other = { ...base, ...records.overdue, id: 'other', secretId: 'other', number: 1 };
    assert.deepEqual(
      byTurn([other, behind, ahead], NOW).map(({ id }) => id),
      ['ahead', 'behind', 'other'],
    );
  });

  test('becomes overdue by time alone', () => {
    const record = { ...base, ...records.due } as RotationRecord;
    assert.deepEqual([rankOf(record, NOW), rankOf(record, NOW + HOUR + 1)], [5, 3]);
  });
});

describe('a worker with one place', () => {
  test('takes what is overdue before what is due, whoever asked first', async () => {
    const { ids, ask, started, worker, house, clock } = await open(1);
    const [due, overdue, later] = ids as [string, string, string];
    for (const id of ids) await ask(id, 'manual');
    await dueBy(house, due, clock.now() + HOUR);
    await dueBy(house, later, clock.now() + 2 * HOUR);
    await dueBy(house, overdue, clock.now() - 1);
    await clock.advance(1_000);
    await worker.tick();
    assert.deepEqual(await started(), [1]);
    await worker.tick();
    assert.deepEqual(await started(), [0, 1]);
  });

  test('of a queue longer than it reads at once, too', async () => {
    const { ids, ask, started, worker, house, clock } = await open(1, 1, 205);
    for (const [index, id] of ids.entries()) {
      await ask(id, 'manual');
      await dueBy(house, id, clock.now() + (index === 203 ? MINUTE : HOUR));
    }
    await clock.advance(10);
    await ask(house.secretId, 'manual');
    await worker.tick();
    assert.deepEqual(await started(), [], 'somebody waits for the one that was asked for last');
    assert.notEqual(await house.textOf(CURRENT), credential('app', 'old-password'));
    await worker.tick();
    assert.deepEqual(await started(), [203]);
  });

  test('has one more for a breach, which waits for no other rotation at its target', async () => {
    const { ids, ask, started, worker, house, clock, target, rotations } = await open(1);
    target.breaks('set', 'hangs');
    await ask(ids[0]!, 'manual');
    await ask(ids[1]!, 'manual');
    worker.start();
    for (let turn = 0; turn < 20; turn += 1) await quiet();
    const { id } = await ask(house.secretId, 'breach');
    worker.wake();
    for (let turn = 0; turn < 40; turn += 1) await quiet();
    assert.notEqual((await rotations.get(id)).promotedAt, null, 'while another hangs in the only place');
    assert.equal((await started()).length, 1, 'and a third still waits for it');
    const stopped = worker.stop();
    await clock.advance(90_000);
    await stopped;
  });
});
