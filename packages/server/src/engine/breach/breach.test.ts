import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { type Caller, CURRENT, PENDING, RekeyError, rootPrincipal } from '@rekey/core';
import { type FakeOptions, FakeTarget } from '@rekey/rotators';
import type { BreachCase, BreachRecord } from '../../store/breach-record.ts';
import { fakeFunctions } from '../fake-functions.testing.ts';
import { type Bench, credential, openBench, putSecret } from '../house.testing.ts';
import { attachLabel, detachLabel, findLabelled } from '../versions.ts';
import type { FetchLeaked } from './breach-work.ts';
import type { BreachReport } from './breaches.ts';

const MINUTE = 60_000;

type TestBench = Bench<FakeTarget> & {
  /** Reports what leaked, as `rekey breach --value-from-stdin` does. */
  leak(text: string, more?: Partial<BreachReport>): Promise<BreachRecord>;
  /** Lets the work go on until nothing is left that goes on by itself, or so much time has passed. */
  settle(id: string, milliseconds?: number): Promise<BreachRecord>;
  only(id: string): Promise<BreachCase>;
};

async function open(
  strategy: 'alternating-users' | 'single-user' = 'alternating-users',
  options: FakeOptions = {},
  fetchLeaked?: FetchLeaked,
): Promise<TestBench> {
  const target = new FakeTarget({ app: 'old-password', admin: 'admin-password' });
  const bench = await openBench(
    {
      target,
      settings: { strategy, overlap: 10 * MINUTE },
      functions: fakeFunctions(target, options),
    },
    fetchLeaked === undefined ? {} : { fetchLeaked },
  );
  const { breaches, fingerprints, work } = bench.engine.breach;
  for (const job of fingerprints.jobs) await job.run();
  const find = async (id: string) => (await breaches.find(id))!;
  const settle = async (id: string, milliseconds = 2 * MINUTE) => {
    for (let passed = 0; passed < milliseconds; passed += 500) {
      await work.pass();
      await bench.worker.tick();
      const { cases, state } = await find(id);
      if (state !== 'looking' && cases.every((one) => one.state !== 'at-work')) break;
      await bench.clock.advance(500);
    }
    return find(id);
  };
  return {
    ...bench,
    leak: async (text, more = {}) => {
      const report = {
        source: 'value',
        askedBy: 'test',
        fingerprints: fingerprints.fingerprintsOf(text),
        ...more,
      } as const;
      return (await breaches.report([report]))[0]!;
    },
    settle,
    only: async (id) => (await settle(id)).cases[0]!,
  };
}

async function passwordOf(bench: TestBench, label: string): Promise<string> {
  return JSON.parse((await bench.house.textOf(label)) ?? '{}').password;
}

function caller(address: string): Caller {
  const principal = rootPrincipal('000000000000');
  return {
    ...{ principal, accessKeyId: 'AKIAAPP', address, secure: true },
    userAgent: 'app',
    face: 'test',
    requestId: 'r',
  };
}

/** Rotated to its end, so that the first password is proven dead. */
async function rotated(bench: TestBench): Promise<void> {
  await bench.begin();
  await bench.worker.tick();
  await bench.pass(12 * MINUTE);
}

describe('a breach of the value in use', () => {
  for (const strategy of ['alternating-users', 'single-user'] as const)
    it(`is found by the password alone and ends with it refused (${strategy})`, async () => {
      const bench = await open(strategy);
      const { id } = await bench.leak('old-password\n');
      const one = await bench.only(id);
      assert.deepEqual([one.secretName, one.part, one.state, one.outcome], ['app', 'password', 'finished', 'rotated']);
      assert.equal(bench.target.accepts('app', 'old-password'), false);
      assert.notEqual(one.refusedAt, null);
      assert.equal(await bench.house.accepts(CURRENT), true);
      assert.equal((await bench.latest()).cause, 'breach');
    });

  it('keeps the old value for its own short overlap, not for the secret’s', async () => {
    const bench = await open();
    const begun = bench.clock.now();
    const { id } = await bench.leak('old-password', { settings: { overlap: 30_000 } });
    const { refusedAt } = await bench.only(id);
    assert.ok(refusedAt! - begun >= 30_000 && refusedAt! - begun < 40_000, String(refusedAt! - begun));
    const after = await bench.house.secret();
    assert.equal(after.rotation?.settings.overlap, 10 * MINUTE);
  });

  it('ends sessions unless they are to be kept, and counts them', async () => {
    for (const endSessions of [true, false])
      for (const strategy of ['alternating-users', 'single-user'] as const) {
        const bench = await open(strategy);
        bench.target.openSessions('app', 7);
        const { id } = await bench.leak('old-password', { settings: { overlap: 0, endSessions } });
        const { sessionsEnded } = await bench.only(id);
        assert.deepEqual(sessionsEnded, endSessions ? { total: 7, inFlight: 0 } : null);
        assert.equal(bench.target.users.get('app')?.sessions, endSessions ? 0 : 7);
      }
  });

  it('cuts the overlap of another value short, and says whom that cuts off', async () => {
    const bench = await open();
    bench.engine.holders.saw(caller('10.0.0.9'), bench.house.secretId, 'app-first');
    await bench.begin();
    await bench.worker.tick();
    assert.equal(bench.target.accepts('app', 'old-password'), true);
    const { id } = await bench.leak(await passwordOf(bench, CURRENT), { settings: { overlap: 0 } });
    const one = await bench.only(id);
    assert.equal(one.outcome, 'rotated');
    assert.deepEqual(one.cutOff, ['AKIAAPP at 10.0.0.9']);
    assert.equal(bench.target.accepts('app', 'old-password'), false);
    assert.equal(await bench.house.accepts(CURRENT), true);
  });

  it('hurries a rotation that is under way', async () => {
    const bench = await open();
    bench.target.breaks('set', 'down', 1);
    await bench.begin();
    await bench.worker.tick();
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const one = await bench.only(id);
    assert.equal(one.outcome, 'rotated');
    assert.equal((await bench.rotations.history(bench.house.secretId)).length, 1);
    assert.equal((await bench.latest()).cause, 'breach');
  });

  it('takes up a blocked rotation again', async () => {
    const bench = await open();
    bench.target.breaks('set', 'missing-privilege', 1);
    await bench.begin();
    await bench.worker.tick();
    assert.equal((await bench.latest()).state, 'blocked');
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    assert.equal((await bench.only(id)).outcome, 'rotated');
  });

  it('goes on by itself once a person has put right what was in its way', async () => {
    const bench = await open();
    bench.target.breaks('set', 'missing-privilege', Number.POSITIVE_INFINITY);
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const stuck = await bench.only(id);
    assert.equal(stuck.state, 'needs-person');
    assert.match(stuck.sentence, /blocked: .*Grant it/);
    const told = [...bench.house.alerts.raised.values()].join('\n');
    assert.match(told, /leaked: Rotation 1 is blocked/);
    assert.match(told, new RegExp(`leaked: \`rekey breach show ${id}\` says how far it is`));
    bench.target.mend();
    await bench.rotations.reattempt(bench.house.secretId);
    await bench.clock.advance(MINUTE);
    assert.equal((await bench.only(id)).outcome, 'rotated');
    assert.equal(bench.house.alerts.raised.size, 0);
  });

  it('waits for a target that is down, and never says that it is dead', async () => {
    const bench = await open();
    bench.target.breaks('any', 'down', Number.POSITIVE_INFINITY);
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const waiting = (await bench.settle(id, 3 * MINUTE)).cases[0]!;
    assert.deepEqual([waiting.state, waiting.refusedAt], ['at-work', null]);
    bench.target.mend();
    await bench.pass(10 * MINUTE);
    assert.equal((await bench.only(id)).outcome, 'rotated');
  });

  it('of many secrets is the end of it in all', async () => {
    const bench = await open();
    const now = bench.clock.now();
    bench.target.addUser('other', 'old-password');
    await putSecret(bench.house.store, now, { name: 'other', value: credential('other', 'old-password') });
    await putSecret(bench.house.store, now, { name: 'elsewhere', value: credential('x', 'unlike') });
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const { cases } = await bench.settle(id);
    assert.deepEqual(cases.map((one) => `${one.secretName} ${one.outcome}`).sort(), ['app rotated', 'other rotated']);
    assert.equal(bench.target.accepts('other', 'old-password'), false);
  });

  it('of an admin credential names the secrets it serves', async () => {
    const bench = await open();
    const { id } = await bench.leak('admin-password', { settings: { overlap: 0 } });
    assert.deepEqual((await bench.only(id)).adminOf, ['admin', 'app']);
  });

  it('asks a person where nothing rotates it, and is over when they have put another value', async () => {
    const bench = await open();
    const secretId = await putSecret(bench.house.store, bench.clock.now(), { name: 'key', value: 'a-leaked-key' });
    const entry = (await bench.house.store.get('secret', secretId))!;
    await bench.house.store.commit([
      { collection: 'secret', id: secretId, record: { ...entry.record, rotation: null } },
    ]);
    const { id } = await bench.leak('a-leaked-key');
    const asked = await bench.only(id);
    assert.match(asked.sentence, /key has no rotation: revoke .* \(rekey rotation set key\)/);
    const added = { id: 'second', createdAt: 0, hasValue: true, labels: [], lastAccessedDay: null, kmsKeyId: null };
    const secret = (await bench.house.store.get('secret', secretId))!.record;
    const record = attachLabel(
      { ...secret, versions: [...secret.versions, added] },
      CURRENT,
      'second',
      bench.clock.now(),
    );
    await bench.house.store.commit([{ collection: 'secret', id: secretId, record }]);
    await bench.clock.advance(MINUTE);
    const over = await bench.only(id);
    assert.deepEqual([over.state, over.outcome], ['finished', 'replaced']);
  });

  it('does not rotate for a stranger’s webhook what somebody has switched off, but does for a person', async () => {
    for (const source of ['webhook', 'value'] as const) {
      const bench = await open();
      await bench.rotations.cancel(bench.house.secretId, bench.clock.now());
      const { id } = await bench.leak('old-password', { source, settings: { overlap: 0 } });
      const one = await bench.only(id);
      assert.equal(one.state, source === 'webhook' ? 'needs-person' : 'finished');
      assert.equal((await bench.house.secret()).rotation?.enabled, false);
    }
  });

  it('says what a rotation does not replace, instead of rotating for ever', async () => {
    const bench = await open();
    const value = JSON.stringify({
      ...JSON.parse(credential('app', 'old-password')),
      apiKey: 'kept-by-every-rotation',
    });
    await bench.house.putByHand('second', value, bench.clock.now());
    const { id } = await bench.leak('kept-by-every-rotation', { settings: { overlap: 0 } });
    const one = await bench.only(id);
    assert.match(one.sentence, /still holds what leaked \(apiKey\)/);
    assert.equal((await bench.rotations.history(bench.house.secretId)).length, 1);
  });

  it('of a secret marked for deletion tells a person', async () => {
    const bench = await open();
    const entry = (await bench.house.store.get('secret', bench.house.secretId))!;
    const record = { ...entry.record, deletedAt: bench.clock.now() };
    await bench.house.store.commit([{ collection: 'secret', id: entry.id, record }]);
    const { id } = await bench.leak('old-password');
    assert.match((await bench.only(id)).sentence, /marked for deletion/);
  });
});

describe('a breach of an older value', () => {
  it('that was proven dead is reported, and nothing is rotated or tried', async () => {
    const bench = await open();
    await rotated(bench);
    const calls = bench.target.calls.length;
    const { id } = await bench.leak('old-password');
    const one = await bench.only(id);
    assert.equal(one.outcome, 'already-dead');
    assert.equal(bench.target.calls.length, calls);
    assert.equal((await bench.rotations.history(bench.house.secretId)).length, 1);
  });

  it('in its overlap ends the overlap now', async () => {
    const bench = await open();
    await bench.begin();
    await bench.worker.tick();
    await bench.clock.advance(1_000);
    const { id } = await bench.leak('old-password');
    const one = await bench.only(id);
    assert.equal(one.outcome, 'retired');
    assert.equal(bench.target.accepts('app', 'old-password'), false);
    assert.equal((await bench.rotations.history(bench.house.secretId)).length, 1);
  });

  it('that its target accepts again, whoever did that, is replaced', async () => {
    const bench = await open('single-user');
    await bench.house.putByHand('second', credential('app', 'by-hand'), bench.clock.now());
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const one = await bench.only(id);
    assert.equal(bench.target.accepts('app', 'old-password'), false);
    assert.notEqual(one.refusedAt, null);
    assert.equal(await bench.house.accepts(CURRENT), true);
  });

  it('is found after its version was dropped', async () => {
    const bench = await open();
    await rotated(bench);
    const { store, secretId } = bench.house;
    const entry = (await store.get('secret', secretId))!;
    const versions = entry.record.versions.filter(({ id }) => id !== 'app-first');
    await store.commit([
      { collection: 'secret', id: secretId, record: { ...entry.record, versions } },
      { collection: 'value', id: `${secretId}/app-first`, record: null },
    ]);
    const { id } = await bench.leak('old-password');
    assert.equal((await bench.only(id)).outcome, 'already-dead');
  });

  it('names everybody who held it, and when, although they have moved on', async () => {
    const bench = await open();
    const { holders } = bench.engine;
    const { secretId } = bench.house;
    const start = bench.clock.now();
    for (const address of ['10.0.0.1', '10.0.0.2']) holders.saw(caller(address), secretId, 'app-first');
    await bench.clock.advance(MINUTE);
    holders.saw(caller('10.0.0.1'), secretId, 'app-first');
    await rotated(bench);
    const current = findLabelled(await bench.house.secret(), CURRENT)!.id;
    holders.saw(caller('10.0.0.1'), secretId, current);
    const { id } = await bench.leak('old-password');
    const held = (await bench.only(id)).holders!.map(({ address, firstSeenAt, lastSeenAt }) => [
      address,
      firstSeenAt - start,
      lastSeenAt - start,
    ]);
    assert.deepEqual(held, [
      ['10.0.0.1', 0, MINUTE],
      ['10.0.0.2', 0, 0],
    ]);
  });

  it('left pending by a rotation that was called off is dropped when its target never took it', async () => {
    const bench = await open('single-user');
    await bench.begin();
    bench.target.breaks('set', 'missing-privilege', 1);
    await bench.worker.tick();
    await bench.rotations.cancel(bench.house.secretId, bench.clock.now());
    const { id } = await bench.leak(await passwordOf(bench, PENDING));
    const one = await bench.only(id);
    assert.equal(one.outcome, 'already-dead');
    assert.equal(await bench.house.textOf(PENDING), null);
    assert.equal(await bench.house.accepts(CURRENT), true);
  });

  it('that is pending in a rotation at work is rolled forward, then replaced', async () => {
    const bench = await open();
    await bench.begin();
    bench.target.breaks('set', 'down', 1);
    await bench.worker.tick();
    const leaked = await passwordOf(bench, PENDING);
    const { id } = await bench.leak(leaked, { settings: { overlap: 0 } });
    const one = await bench.only(id);
    assert.equal(one.outcome, 'rotated');
    assert.equal(bench.target.accepts('app_clone', leaked), false);
    assert.equal(await bench.house.accepts(CURRENT), true);
  });
});

describe('a breach', () => {
  it('of what nobody knows is kept, and does nothing', async () => {
    const bench = await open();
    const { id } = await bench.leak('never seen');
    const { state, cases } = await bench.settle(id);
    assert.deepEqual([state, cases], ['done', []]);
    assert.deepEqual(bench.target.calls, []);
  });

  it('told of twice is one', async () => {
    const bench = await open();
    const first = await bench.leak('old-password', { source: 'webhook', sameAs: 'x' });
    const second = await bench.leak('old-password', { source: 'webhook', sameAs: 'x' });
    assert.equal(second.id, first.id);
    await bench.settle(first.id);
    const third = await bench.leak('old-password', { source: 'webhook', sameAs: 'x' });
    assert.equal(third.id, first.id);
    assert.equal((await bench.engine.breach.breaches.list()).length, 1);
  });

  it('goes on after a crash at every commit of its work', async () => {
    for (let crash = 0; crash < 12; crash += 1) {
      const bench = await open();
      const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
      for (let turn = 0; turn < crash; turn += 1) {
        if (turn % 2 === 0) await bench.engine.breach.work.pass();
        else await bench.worker.tick();
      }
      const later = await bench.house.server({ clock: bench.clock });
      for (let turn = 0; turn < 40; turn += 1) {
        await later.breach.work.pass();
        await later.worker.tick();
        await bench.clock.advance(1_000);
      }
      const found = await later.breach.breaches.find(id);
      assert.equal(found?.cases[0]?.outcome, 'rotated', `after ${crash} turns`);
      assert.equal((await later.rotations.history(bench.house.secretId)).length, 1);
    }
  });

  it('keeps nothing of what leaked, neither in its record nor in audit and alerts', async () => {
    const bench = await open();
    const { id } = await bench.leak('old-password', { settings: { overlap: 0 } });
    const record = await bench.settle(id);
    const told = JSON.stringify([record, bench.engine.audited, [...bench.house.alerts.raised]]);
    assert.doesNotMatch(told, /old-password/);
    const actions = bench.engine.audited.map(({ action }) => action).filter((action) => action.includes('Breach'));
    assert.deepEqual(actions, ['rekey:BreachMatched', 'rekey:BreachEnded']);
  });

  it('of a secret whose current was taken off it is past', async () => {
    const bench = await open();
    const entry = (await bench.house.store.get('secret', bench.house.secretId))!;
    const record = detachLabel(entry.record, CURRENT, bench.clock.now());
    await bench.house.store.commit([{ collection: 'secret', id: entry.id, record }]);
    const { id } = await bench.leak('old-password');
    assert.equal((await bench.only(id)).outcome, 'replaced');
  });

  it('that is only told of is fetched, tried for again while that fails, and given up in the end', async () => {
    const place = { api: 'https://github.example', repository: 'org/repo', number: 42 };
    const untilFetched = { source: 'github-alert', askedBy: 'webhook github-alert', fetch: place } as const;
    for (const [code, failures, outcome] of [
      ['unavailable', 2, 'rotated'],
      ['unavailable', 99, undefined],
      ['not-found', 99, undefined],
    ] as const) {
      let asked = 0;
      const bench = await open('single-user', {}, async () => {
        asked += 1;
        if (asked <= failures) throw new RekeyError(code, 'GitHub does not answer.');
        return 'old-password';
      });
      const [{ id } = { id: '' }] = await bench.engine.breach.breaches.report([untilFetched]);
      for (let turn = 0; turn < 100; turn += 1) {
        await bench.engine.breach.work.pass();
        await bench.worker.tick();
        await bench.clock.advance(MINUTE);
      }
      const found = (await bench.engine.breach.breaches.find(id))!;
      assert.deepEqual([found.state, found.cases[0]?.outcome], ['done', outcome]);
      assert.equal(found.trouble, outcome === undefined ? 'GitHub does not answer.' : null);
      assert.equal(asked, code === 'not-found' ? 1 : outcome === undefined ? 7 : 3);
    }
  });
});
