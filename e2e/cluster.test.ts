import assert from 'node:assert/strict';
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { SecretsClient } from '@rekey/client';
import { secretPath, textOf } from './support/clients.ts';
import { type Member, startCluster } from './support/cluster.ts';
import { type GivenPostgres, givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { logsIn, type PostgresTarget } from './support/postgres-target.ts';

import { runRekey } from './support/server.ts';
import { until } from './support/until.ts';

/**
 * Three servers in three processes over one PostgreSQL, each reaching it through a network of its own. Disturbances come
 * in an order drawn from a seed (`REKEY_CLUSTER_SEED`), which is printed; `REKEY_CLUSTER_SECRETS` makes the crowd another.
 */

const SECRETS = Number(process.env.REKEY_CLUSTER_SECRETS ?? 300);
/** Of them, so many are roles of a real target; the others are values that nobody else knows. */
const ROLES = Math.min(8, SECRETS);
const SEED = Number(process.env.REKEY_CLUSTER_SEED ?? Date.now() % 100_000);
/** Everything comes due so long after it was configured, and again so long after each promotion. Milliseconds. */
const EVERY = 15_000;
/** How old a read may be: one asked later than this after a write shows the write, however slow the machine. Milliseconds. */
const READ_BOUND = 1_000;

/** A rotation as the native face tells it, as far as this test looks. */
interface Told {
  readonly number: number;
  readonly state: string;
  readonly cause: string;
  readonly createdAt: number;
  readonly promotedAt: number | null;
  readonly versionId: string;
}

describe('three servers on one PostgreSQL', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres({ max_connections: '200' });

  test('show each other what they write within a second, and their own writes at once', async (context) => {
    const members = await startCluster(given.postgres, context, { members: 3, schema: 'reads' });
    const [writer] = members;
    await writer!.client.call('CreateSecret', { Name: 'shared', SecretString: 'value 0' });
    for (const { client } of members) assert.equal(await textOf(client, 'shared'), 'value 0');
    for (let round = 1; round <= 10; round += 1) {
      const from = members[round % 3]!;
      await from.client.call('PutSecretValue', { SecretId: 'shared', SecretString: `value ${round}` });
      assert.equal(await textOf(from.client, 'shared'), `value ${round}`);
      const written = performance.now();
      for (const { client } of members)
        await until(async () => {
          const asked = performance.now();
          if ((await textOf(client, 'shared')) === `value ${round}`) return true;
          assert.ok(asked < written + READ_BOUND, 'what is older than the bound is not shown');
          return null;
        });
    }
  });

  test('vouch for each other’s audit chains: one that is missing or cut is named', async (context) => {
    const schema = 'chains';
    const members = await startCluster(given.postgres, context, { members: 3, schema });
    for (const [at, { client }] of members.entries())
      await client.call('CreateSecret', { Name: `secret-${at}`, SecretString: 'a value' });
    for (const { server } of members) assert.equal(await server.stop(), 0, server.output());
    const [own, other, third] = members.map(({ dataFolder }) => dataFolder) as [string, string, string];
    const storeUrl = `postgres://postgres@127.0.0.1:${members[0]!.network.port}/postgres?schema=${schema}`;
    const environment = { REKEY_STORE_URL: storeUrl, PGPASSWORD: given.postgres.superuser.password };
    const verify = (...also: readonly string[]) =>
      runRekey(['audit', 'verify', '--data', own, '--also', ...also], { environment });
    const [otherId, thirdId] = await Promise.all([other, third].map(idOf));

    const whole = await verify(other, third);
    assert.equal(whole.code, 0, whole.out + whole.err);
    assert.equal(whole.out.match(/no break/g)?.length, 3, whole.out);

    const without = await verify(third);
    assert.equal(without.code, 1);
    assert.match(without.out, new RegExp(`${otherId}: missing: its chain of \\d+ entries`));

    await cutTail(join(third, 'audit'));
    const cut = await verify(other, third);
    assert.equal(cut.code, 1);
    assert.match(cut.out, new RegExp(`${thirdId}: broken .* says that it reached`));
    assert.match(cut.err, new RegExp(`on 1 of 3 servers: ${thirdId}`));
  });

  for (const point of ['set-outcome', 'promotion'])
    test(`take over what one held that died before its ${point}`, async (context) => {
      const schema = `takeover_${point.replace('-', '_')}`;
      const [doomed, ...heirs] = await startCluster(given.postgres, context, { members: 3, schema });
      await doomed!.server.kill();
      await doomed!.start({ REKEY_KILL_AT: `before:${point}` });
      const client = heirs[0]!.client;
      await create(client, 'taken', 'random-value', 'a value', '30d');
      const died = doomed!.server.ended.then(() => Date.now());
      const held = await rotateUntilDeath(doomed!, client);
      const promotedAt = await until(async () => {
        const told = (await rotationsOf(client, 'taken')).find(({ number }) => number >= held);
        return told?.promotedAt ?? null;
      });
      context.diagnostic(`taken over after ${promotedAt - (await died)} ms`);
    });

  test(`rotate ${SECRETS} secrets that come due together, each once, whatever happens to the servers`, async (context) => {
    context.diagnostic(`REKEY_CLUSTER_SEED=${SEED}`);
    const members = await startCluster(given.postgres, context, { members: 3, schema: 'crowd' });
    const names = await createCrowd(members[0]!.client, given.target);
    await delay(EVERY / 2);
    await disturb(members, drawFrom(SEED));
    await until(() => everyoneRotated(members[0]!.client, names));
    await atRest(members[0]!.client, names);
    for (const name of names) await assertEachOnce(members, name);
    for (const { server, dataFolder, network } of members) {
      assert.equal(await server.stop(), 0, server.output());
      await assertAuditSound(
        dataFolder,
        `postgres://postgres@127.0.0.1:${network.port}/postgres?schema=crowd`,
        given.postgres,
      );
    }
  });
});

async function idOf(dataFolder: string): Promise<string> {
  return (await readFile(join(dataFolder, 'server-id'), 'utf8')).trim();
}

/** Cuts the last entry off a chain, and all checkpoints with it. */
async function cutTail(folder: string): Promise<void> {
  const [last] = (await readdir(folder))
    .filter((name) => name.startsWith('audit-'))
    .toSorted()
    .reverse();
  const file = join(folder, last!);
  const lines = (await readFile(file, 'utf8')).trimEnd().split('\n');
  await writeFile(
    file,
    lines
      .slice(0, -1)
      .map((line) => `${line}\n`)
      .join(''),
  );
  await writeFile(join(folder, 'checkpoints.jsonl'), '');
}

/** Rotates at the one that is to die until it is the one that carries a rotation, and tells which one that was. */
async function rotateUntilDeath(doomed: Member, client: SecretsClient): Promise<number> {
  for (;;) {
    await doomed.client.native('POST', secretPath('taken', 'rotate')).catch(() => {});
    const ended = await until(async () => {
      if (doomed.server.process.signalCode !== null) return 'died';
      const [last] = await rotationsOf(client, 'taken');
      return last?.state === 'done' ? 'done' : null;
    });
    const [last] = await rotationsOf(client, 'taken');
    if (ended === 'died') return last!.number;
  }
}

async function create(client: SecretsClient, name: string, rotator: string, value: string, every: string) {
  await client.call('CreateSecret', { Name: name, SecretString: value });
  const wish = { rotator, every, strategy: 'single-user', overlap: '1s' };
  await client.native('PUT', secretPath(name, 'rotation'), wish);
}

async function createCrowd(client: SecretsClient, target: PostgresTarget): Promise<readonly string[]> {
  await client.call('CreateSecret', { Name: 'admin', SecretString: JSON.stringify(target.admin) });
  const names = Array.from({ length: SECRETS }, (_, at) => `crowd/${at}`);
  for (const [at, name] of names.entries()) {
    if (at >= ROLES) await create(client, name, 'random-value', `value ${at}`, `${EVERY / 1000}s`);
    else {
      const value = JSON.stringify({ ...(await target.newRole('crowd')), masterarn: 'admin' });
      await create(client, name, 'postgres', value, `${EVERY / 1000}s`);
    }
  }
  return names;
}

type Draw = (below: number) => number;

/** Mulberry32: small, and the same everywhere. */
function drawFrom(seed: number): Draw {
  let state = seed;
  return (below) => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) % below;
  };
}

/** Each kind of disturbance at least once, on any server; some overlap. At the end all run again and reach the store. */
async function disturb(members: readonly Member[], draw: Draw): Promise<void> {
  const kinds = [kill, pause, cut, kill, silence].map((kind) => ({ kind, order: draw(1_000) }));
  const busy = new Set<Member>();
  const underWay: Promise<void>[] = [];
  for (const { kind } of kinds.toSorted((a, b) => a.order - b.order)) {
    const free = members.filter((member) => !busy.has(member));
    const member = free[draw(free.length)];
    if (member !== undefined) {
      busy.add(member);
      underWay.push(kind(member, draw).finally(() => busy.delete(member)));
    }
    await delay(1_500 + draw(2_000));
  }
  await Promise.all(underWay);
}

async function kill(member: Member, draw: Draw): Promise<void> {
  await member.server.kill();
  await delay(draw(3_000));
  await member.start();
}

/** Longer than a claim lasts: when it wakes up, others have done its work. */
async function pause(member: Member, draw: Draw): Promise<void> {
  member.pause();
  await delay(9_000 + draw(3_000));
  member.goOn();
}

async function cut(member: Member, draw: Draw): Promise<void> {
  member.network.cut();
  await delay(1_000 + draw(9_000));
  member.network.mend();
}

async function silence(member: Member, draw: Draw): Promise<void> {
  member.network.fallSilent();
  await delay(1_000 + draw(9_000));
  member.network.mend();
}

async function everyoneRotated(client: SecretsClient, names: readonly string[]): Promise<true | null> {
  for (const name of names) {
    const rotations = await rotationsOf(client, name);
    if (!rotations.some(({ state }) => state === 'done')) return null;
  }
  return true;
}

/** Nothing comes due any more, and what was begun is done. */
async function atRest(client: SecretsClient, names: readonly string[]): Promise<void> {
  for (const name of names) await client.native('PUT', secretPath(name, 'rotation'), { every: '30d' });
  await until(async () => {
    for (const name of names) if ((await rotationsOf(client, name)).some(({ state }) => state !== 'done')) return null;
    return true;
  });
}

/** What came due was rotated once: each rotation begins an interval after the one before was promoted, none is missing. */
async function assertEachOnce(members: readonly Member[], name: string): Promise<void> {
  const rotations = (await rotationsOf(members[0]!.client, name)).toReversed();
  for (const [at, { number, cause, createdAt }] of rotations.entries()) {
    // One that was cut short in the middle of a set goes on under a higher number.
    assert.ok(number > (rotations[at - 1]?.number ?? 0), `${name}: ${JSON.stringify(rotations)}`);
    assert.equal(cause, 'schedule');
    const before = rotations[at - 1]?.promotedAt ?? Number.NEGATIVE_INFINITY;
    assert.ok(
      createdAt >= before + EVERY,
      `${name} was rotated twice when it was due once: ${JSON.stringify(rotations)}`,
    );
  }
  const seen = await Promise.all(members.map(({ client }) => labelsAndValue(client, name)));
  for (const other of seen) assert.deepEqual(other, seen[0], `all servers show the same of ${name}`);
  const { labels, value } = seen[0]!;
  assert.equal(labels.filter((label) => label === 'AWSCURRENT').length, 1);
  assert.equal(labels.filter((label) => label === 'AWSPREVIOUS').length, 1);
  assert.equal(seen[0]!.current, rotations.at(-1)!.versionId);
  if (value!.startsWith('{')) assert.ok(await logsIn(value), `${name} logs in`);
}

async function labelsAndValue(client: SecretsClient, name: string) {
  const { VersionIdsToStages } = await client.call('DescribeSecret', { SecretId: name });
  const stages = Object.entries(VersionIdsToStages as Record<string, readonly string[]>);
  const current = stages.find(([, labels]) => labels.includes('AWSCURRENT'))?.[0];
  return { current, labels: stages.flatMap(([, labels]) => labels).toSorted(), value: await textOf(client, name) };
}

async function rotationsOf(client: SecretsClient, name: string): Promise<readonly Told[]> {
  const answer = await client.native('GET', secretPath(name, 'rotations'));
  return answer.rotations as readonly Told[];
}

/** Of the chain of one server; its head is in the store that all share. */
async function assertAuditSound(
  dataFolder: string,
  storeUrl: string,
  { superuser }: GivenPostgres['postgres'],
): Promise<void> {
  const environment = { REKEY_STORE_URL: storeUrl, PGPASSWORD: superuser.password };
  const { code, out, err } = await runRekey(['audit', 'verify', '--data', dataFolder], { environment });
  assert.equal(code, 0, out + err);
}
