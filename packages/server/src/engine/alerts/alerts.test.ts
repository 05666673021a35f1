import assert from 'node:assert/strict';
import { beforeEach, describe, it } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, type RotationRecord, systemRandom } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { type AlertMessage, Alerts } from './alerts.ts';

let now: number;
let store: Store;
let alerts: Alerts;

beforeEach(async () => {
  now = 1_000;
  store = await openMemoryStore({ now: () => now });
  alerts = new Alerts({ store, clock: { now: () => now }, random: systemRandom, senders: ['one', 'two'] });
});

const begun: RotationRecord = {
  id: 'rotation-7',
  secretId: 'secret-1',
  secretName: 'app/db',
  number: 7,
  cause: 'schedule',
  askedBy: 'rekey',
  functionArn: 'rekey-fake',
  settings: DEFAULT_ROTATION_SETTINGS,
  state: 'created',
  doing: null,
  attempts: 0,
  nextAttemptAt: 0,
  waitingFor: null,
  lastErrorClass: null,
  lastError: null,
  versionId: 'version-7',
  previousVersionId: 'version-6',
  strategy: 'single-user',
  createdAt: 0,
  startedAt: 0,
  setStartedAt: null,
  promotedAt: null,
  endedAt: null,
  switchWindow: null,
  retireAt: null,
  oldRefusedAt: null,
  steps: [],
};
const failed = (attempts: number): RotationRecord => ({
  ...begun,
  attempts,
  lastErrorClass: 'unreachable',
  lastError: 'The target db:5432 does not answer',
  waitingFor: 'The target db:5432 does not answer. Check that the target runs and can be reached from here.',
  steps: [
    {
      step: 'set',
      attempt: attempts,
      startedAt: 0,
      finishedAt: 1,
      outcome: 'failed',
      errorClass: 'unreachable',
      reason: null,
      findings: [],
    },
  ],
});
const blocked: RotationRecord = { ...failed(3), state: 'blocked', nextAttemptAt: null };
const promoted: RotationRecord = { ...begun, state: 'promoted', promotedAt: 5 };
const ended = (state: 'done' | 'rolled-back' | 'abandoned'): RotationRecord => ({
  ...begun,
  state,
  endedAt: 9,
  waitingFor: state === 'rolled-back' ? 'Somebody put another value meanwhile.' : null,
});

/** Plays a rotation through its records and returns the kinds told to the first sender. */
async function play(...records: readonly RotationRecord[]): Promise<string[]> {
  let before: RotationRecord | null = null;
  for (const record of records) {
    await store.commit(await alerts.writesFor(before, record));
    before = record;
    now += 10;
  }
  return (await messages()).map(({ kind }) => kind);
}
async function messages(sender = 'one'): Promise<AlertMessage[]> {
  const entries = await store.list('outbox', { index: null, limit: 100 });
  return entries
    .filter(({ record }) => record.sender === sender)
    .map(({ record }) => record.payload as unknown as AlertMessage);
}
const conditions = async () => (await alerts.standing()).map(({ condition }) => condition);

describe('what is told of a rotation', () => {
  it('is nothing while all goes well', async () => {
    assert.deepEqual(
      await play(begun, { ...begun, state: 'set' }, promoted, { ...promoted, state: 'retiring' }, ended('done')),
      [],
    );
  });

  it('is its first failure, not those after it, and that it works again once the new value is in use', async () => {
    const told = await play(begun, failed(1), failed(2), { ...begun, state: 'set' }, promoted, ended('done'));
    assert.deepEqual(told, ['rotation-failing', 'rotation-recovered']);
    assert.deepEqual(await conditions(), []);
  });

  it('is that it failed a second time after another step worked: no, that is the same trouble', async () => {
    assert.deepEqual(await play(begun, failed(1), { ...begun, state: 'set' }, failed(1)), ['rotation-failing']);
  });

  it('is that it is blocked, also after its failure was told, and only once', async () => {
    assert.deepEqual(await play(begun, failed(1), blocked, blocked), ['rotation-failing', 'rotation-blocked']);
    assert.deepEqual(await conditions(), ['rotation-blocked/secret-1']);
  });

  it('is, after a person took it up again, that it works or that it is blocked again, but no further failures', async () => {
    assert.deepEqual(await play(begun, blocked, begun, failed(1), blocked), ['rotation-blocked', 'rotation-blocked']);
    assert.deepEqual(await play(blocked, begun, promoted), [
      'rotation-blocked',
      'rotation-blocked',
      'rotation-recovered',
    ]);
    assert.deepEqual(await conditions(), []);
  });

  it('is a failure to retire the old value after the promotion, and its end', async () => {
    const retiring = { ...failed(1), state: 'retiring' as const };
    assert.deepEqual(await play(promoted, { ...promoted, state: 'retiring' }, retiring, ended('done')), [
      'rotation-failing',
      'rotation-recovered',
    ]);
  });

  it('is that it was rolled back, whether it had failed before or not', async () => {
    assert.deepEqual(await play(begun, ended('rolled-back')), ['rotation-rolled-back']);
    assert.deepEqual(await play(failed(1), ended('rolled-back')), [
      'rotation-rolled-back',
      'rotation-failing',
      'rotation-rolled-back',
    ]);
    assert.deepEqual(await conditions(), []);
  });

  it('is that it was abandoned only if its trouble had been told', async () => {
    assert.deepEqual(await play(begun, ended('abandoned')), []);
    assert.deepEqual(await play(failed(1), ended('abandoned')), ['rotation-failing', 'rotation-abandoned']);
  });

  it('goes to every sender with names, step, class, since and a sentence that says what to do', async () => {
    await play(begun, failed(1));
    const [one] = await messages('one');
    const [two] = await messages('two');
    assert.notEqual(one?.id, two?.id);
    assert.deepEqual(
      { ...one, id: '' },
      {
        id: '',
        kind: 'rotation-failing',
        condition: 'rotation-failing/secret-1',
        secret: 'app/db',
        rotationId: 'rotation-7',
        rotationNumber: 7,
        step: 'set',
        errorClass: 'unreachable',
        text: 'Rotation 7 of app/db failed at the step set: The target db:5432 does not answer. Check that the target runs and can be reached from here.',
        since: '1970-01-01T00:00:01.010Z',
        at: '1970-01-01T00:00:01.010Z',
      },
    );
  });

  it('is told if and only if its record is committed', async () => {
    await alerts.writesFor(begun, failed(1));
    assert.deepEqual(await messages(), []);
  });
});

describe('a condition', () => {
  const overdue = { secretId: null, text: 'app/db should have been rotated by now.' };

  it('is told once when it begins, however often it is raised, and once when it is over', async () => {
    for (let look = 0; look < 3; look += 1) await alerts.raise('overdue/1', overdue);
    now += 60_000;
    for (let look = 0; look < 3; look += 1) await alerts.resolve('overdue/1');
    const told = await messages();
    assert.deepEqual(
      told.map(({ kind }) => kind),
      ['condition-raised', 'condition-resolved'],
    );
    assert.equal(told[1]?.since, told[0]?.at);
  });

  it('is told once where two servers see it at the same moment', async () => {
    const other = new Alerts({ store, clock: { now: () => now }, random: systemRandom, senders: ['one'] });
    await Promise.all([alerts.raise('overdue/1', overdue), other.raise('overdue/1', overdue)]);
    assert.equal((await messages()).length, 1);
    await Promise.all([alerts.resolve('overdue/1'), other.resolve('overdue/1')]);
    assert.equal((await messages()).length, 2);
  });

  it('that comes back is told again', async () => {
    await alerts.raise('overdue/1', overdue);
    await alerts.resolve('overdue/1');
    await alerts.raise('overdue/1', overdue);
    assert.equal((await messages()).length, 3);
  });
});
