import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { inspect } from 'node:util';
import fc from 'fast-check';
import { RekeyClientError } from './errors.ts';
import { RotatingSecret, type RotatingSecretOptions } from './rotating-secret.ts';
import type { SecretValueAnswer } from './secret-answers.ts';
import { asText } from './secret-form.ts';
import { FakeClock } from './testing/fake-clock.ts';

const MINUTE = 60_000;

/** Answers from memory; can be away, and can hold answers back until told. */
class FakeSource {
  reads = 0;
  answer: SecretValueAnswer = { VersionId: 'v1', SecretString: '{"password":"one"}' };
  failure: Error | null = null;
  hold: Promise<void> | null = null;

  put(versionId: string, text = `{"password":"${versionId}"}`): void {
    this.answer = { VersionId: versionId, SecretString: text };
  }

  async getSecretValue(): Promise<SecretValueAnswer> {
    this.reads++;
    const { answer, failure } = this;
    await this.hold;
    if (failure) throw failure;
    return answer;
  }
}

const away = () => new RekeyClientError('unreachable', 'the server is away', { retryable: true });

async function open<T = Readonly<Record<string, unknown>>>(options: Partial<RotatingSecretOptions<T>> = {}) {
  const clock = new FakeClock();
  const source = new FakeSource();
  const troubles: RekeyClientError[] = [];
  const onTrouble = (trouble: RekeyClientError) => troubles.push(trouble);
  const secret = await RotatingSecret.open<T>({
    secretId: 'shop/db',
    client: source,
    clock,
    random: () => 0.5,
    onTrouble,
    ...options,
  });
  return { clock, source, secret, troubles };
}

test('the value is there once it is open, with the version it belongs to', async () => {
  const { secret, source } = await open();
  assert.deepEqual(secret.get(), { password: 'one' });
  assert.equal(secret.current().versionId, 'v1');
  assert.equal(secret.get(), secret.get(), 'parsed once');
  assert.equal(source.reads, 1);
});

test('opening fails clearly when there is no value, and leaves nothing behind', async () => {
  const clock = new FakeClock();
  const source = new FakeSource();
  const attempt = () => RotatingSecret.open({ secretId: 'shop/db', client: source, clock });
  source.answer = {};
  await assert.rejects(attempt(), { code: 'no-value', message: 'shop/db has no value yet; put one first.' });
  source.failure = away();
  await assert.rejects(attempt(), { code: 'unreachable' });
  assert.equal(clock.waiting, 0);
});

test('a value that does not have the expected form is told without being shown', async () => {
  const source = new FakeSource();
  source.put('v1', 'hunter2');
  const error = await RotatingSecret.open({ secretId: 'shop/db', client: source }).catch((e) => e);
  assert.equal(error.code, 'no-value');
  assert.match(error.message, /pass parse: asText/);
  assert.doesNotMatch(inspect(error, { showHidden: true }), /hunter2/);
});

test('a secret can be plain text, bytes, or what a parser makes of it', async () => {
  const source = new FakeSource();
  source.put('v1', 'hunter2');
  const text = await RotatingSecret.open({ secretId: 'a', client: source, parse: asText });
  assert.equal(text.get(), 'hunter2');
  source.answer = { VersionId: 'v2', SecretBinary: new Uint8Array([1, 2]) };
  const length = await RotatingSecret.open({ secretId: 'a', client: source, parse: (content) => content.length });
  assert.equal(length.get(), 2);
  await Promise.all([text.close(), length.close()]);
});

test('options that contradict each other are refused', async () => {
  const options = { secretId: 'a', client: new FakeSource() };
  await assert.rejects(RotatingSecret.open({ ...options, maxAge: 10, maxStale: 5 }), { code: 'configuration' });
  await assert.rejects(RotatingSecret.open({ ...options, maxAge: 0 }), { code: 'configuration' });
});

test('it is read again ahead of its age, for as long as it is open', async () => {
  await fc.assert(
    fc.asyncProperty(fc.double({ min: 0, max: 1, maxExcluded: true, noNaN: true }), async (random) => {
      const { clock, source, secret } = await open({ maxAge: 10 * MINUTE, random: () => random });
      for (let reads = 1; reads < 5; reads++) {
        assert.equal(source.reads, reads);
        const delay = clock.untilNext!;
        assert.ok(delay >= 7 * MINUTE && delay <= 9.5 * MINUTE);
        await clock.advance(delay);
      }
      await secret.close();
      assert.equal(clock.waiting, 0);
    }),
    { numRuns: 20 },
  );
});

test('a new version is served from the next read on, and listeners hear of it once', async () => {
  const { clock, source, secret } = await open();
  const heard: string[] = [];
  secret.onChange((version) => heard.push(version.versionId));
  await clock.advance(5 * MINUTE);
  source.put('v2');
  await clock.advance(15 * MINUTE);
  assert.deepEqual(secret.get(), { password: 'v2' });
  assert.deepEqual(heard, ['v2']);
});

test('a listener that throws is reported without what it threw, and the value moves on', async () => {
  const { source, secret, troubles } = await open();
  secret.onChange((version) => {
    throw new Error(`cannot use ${version.value.password}`);
  });
  source.put('hunter2');
  await secret.refresh();
  assert.equal(secret.versionId, 'hunter2');
  assert.equal(troubles[0]!.code, 'listener-failed');
  assert.doesNotMatch(inspect(troubles), /cannot use/);
});

test('while the server is away the last value is served up to the stated limit, then the failure says so', async () => {
  const { clock, source, secret, troubles } = await open({ maxAge: 5 * MINUTE, maxStale: 60 * MINUTE });
  source.failure = away();
  await clock.advance(60 * MINUTE - 1);
  assert.deepEqual(secret.get(), { password: 'one' });
  await clock.advance(1);
  assert.throws(() => secret.get(), {
    code: 'stale',
    retryable: true,
    message: /more than 60 minutes ago \(maxStale\)/,
  });
  assert.ok(troubles.length > 10);
  assert.equal(troubles.at(-1)!.code, 'unreachable');
});

test('when the server is back the value is served again, within half a minute', async () => {
  const { clock, source, secret } = await open({ maxStale: 60 * MINUTE });
  source.failure = away();
  await clock.advance(120 * MINUTE);
  source.failure = null;
  source.put('v2');
  await clock.advance(30_000);
  assert.deepEqual(secret.get(), { password: 'v2' });
});

test('a server that is away is asked twice a minute at most', async () => {
  const { clock, source } = await open();
  source.failure = away();
  await clock.advance(60 * MINUTE);
  const before = source.reads;
  await clock.advance(60 * MINUTE);
  assert.ok(source.reads - before <= 240 && source.reads - before >= 120);
});

test('a new version of another form is reported, and the old one is kept', async () => {
  const { source, secret, troubles } = await open();
  source.put('v2', 'no JSON: hunter2');
  await assert.rejects(secret.refresh(), { code: 'no-value' });
  assert.equal(secret.current().versionId, 'v1');
  assert.equal(troubles.length, 1);
  assert.doesNotMatch(inspect(troubles), /hunter2/);
});

test('a thousand refusals at once cost one read, and all get the new version', async () => {
  const { source, secret } = await open();
  source.put('v2');
  const versions = await Promise.all(Array.from({ length: 1000 }, () => secret.refused('v1')));
  assert.ok(versions.every((version) => version.versionId === 'v2'));
  assert.equal(source.reads, 2, 'one at the start, one for all refusals');
});

test('a refusal of a version that was replaced already costs no read', async () => {
  const { source, secret } = await open();
  source.put('v2');
  await secret.refresh();
  assert.equal((await secret.refused('v1')).versionId, 'v2');
  assert.equal(source.reads, 2);
});

test('in the switch window of the single-user strategy it keeps asking until the new version is there', async () => {
  const { clock, source, secret } = await open();
  const waiting = Promise.all(Array.from({ length: 50 }, () => secret.refused('v1')));
  await clock.advance(3_000);
  source.put('v2');
  await clock.advance(1_000);
  assert.equal((await waiting)[0]!.versionId, 'v2');
  assert.ok(source.reads <= 10, `${source.reads} reads`);
});

test('a password that stays wrong ends in a clear failure when the budget is over, and asks about once a second', async () => {
  const { clock, source, secret } = await open();
  const outcome = assert.rejects(secret.refused('v1', 4_000), {
    code: 'refused',
    message: /no newer version appeared within 4000 ms/,
  });
  await clock.advance(3_999);
  const before = source.reads;
  await clock.advance(1);
  await outcome;
  assert.ok(before <= 10);
  assert.equal(clock.waiting, 1 + 1, 'the next background read and the pause of the last poll');
  await clock.advance(1_000);
  assert.equal(clock.waiting, 1);
});

test('those who keep coming with a refused version share the pauses', async () => {
  const { clock, source, secret } = await open();
  const outcomes: Promise<unknown>[] = [];
  for (let at = 0; at < 100; at++) {
    outcomes.push(secret.refused('v1', 500).catch((error) => error.code));
    await clock.advance(100);
  }
  await clock.advance(2_000);
  assert.ok((await Promise.all(outcomes)).every((code) => code === 'refused'));
  assert.ok(source.reads <= 25, `${source.reads} reads in 12 s`);
});

test('a refusal while the server is away says both', async () => {
  const { clock, source, secret } = await open();
  source.failure = away();
  const outcome = assert.rejects(secret.refused('v1', 1_000), { code: 'refused', message: /could not be read either/ });
  await clock.advance(1_000);
  await outcome;
});

test('a read that is under way is joined, not doubled', async () => {
  const { source, secret } = await open();
  let release = () => {};
  source.hold = new Promise((resolve) => {
    release = resolve;
  });
  const reads = [secret.refresh(), secret.refresh(), secret.refused('v1')];
  source.put('v2');
  release();
  await turn();
  source.hold = null;
  await Promise.all(reads.slice(0, 2));
  assert.equal(source.reads, 2);
  await secret.close();
  await assert.rejects(reads[2]!, { code: 'closed' });
});

test('a wait can be called off by a signal', async () => {
  const { secret, clock } = await open();
  const stop = new AbortController();
  const wait = secret.reread({ because: 'authentication-error', ifVersion: 'v1', signal: stop.signal });
  await clock.advance(200);
  stop.abort();
  assert.equal((await wait).versionId, 'v1');
});

test('closing wakes those who wait, ends every timer and makes reads fail clearly', async () => {
  const { clock, secret, source } = await open();
  const outcomes = Array.from({ length: 20 }, () => assert.rejects(secret.refused('v1'), { code: 'closed' }));
  await clock.advance(50);
  await secret[Symbol.asyncDispose]();
  await Promise.all(outcomes);
  await clock.advance(0);
  assert.equal(clock.waiting, 0);
  assert.throws(() => secret.get(), { code: 'closed' });
  const { reads } = source;
  await clock.advance(60 * MINUTE);
  assert.equal(source.reads, reads);
});

test('printing or serialising a secret or a version shows no value', async () => {
  const { secret, source } = await open();
  source.put('v2', '{"password":"hunter2"}');
  const version = await secret.refresh();
  assert.equal(version.value.password, 'hunter2');
  for (const text of [
    inspect(secret, { depth: 9, showHidden: true }),
    inspect(version, { showHidden: true }),
    JSON.stringify([secret, version]),
  ])
    assert.doesNotMatch(text, /hunter2/);
});

test('an open secret does not keep the process alive', () => {
  const program = `
    import { RotatingSecret } from '@rekey/client';
    const secret = await RotatingSecret.open({ secretId: 'a', client: { getSecretValue: async () => ({ VersionId: 'v', SecretString: '{}' }) } });
    console.log(typeof secret.get());`;
  const child = spawnSync(process.execPath, ['--conditions=source', '--input-type=module', '-e', program], {
    cwd: import.meta.dirname,
    timeout: 20_000,
    encoding: 'utf8',
  });
  assert.equal(child.stdout, 'object\n', child.stderr);
  assert.equal(child.status, 0);
});
