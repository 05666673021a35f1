import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, describe, type TestContext, test } from 'node:test';
import type { RekeyClientError, SecretsClient } from '@rekey/client';
import { DURABLE_POINTS } from '../packages/server/src/engine/boundary.ts';
import { available, type RunningPostgres, startPostgres } from '../scripts/test-services/postgres.ts';
import { rootClient, rotationsOf, secretPath, textOf } from './support/clients.ts';
import { type DatabaseCredential, logsIn, PostgresTarget } from './support/postgres-target.ts';
import { runRekey, startServer, type TestServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

/**
 * A server that kills itself (SIGKILL) at each durable boundary of a rotation against a real PostgreSQL, and another
 * that takes over its data folder. `packages/server/src/engine/crash.test.ts` plays the same with more faults in memory;
 * here disk, sockets, processes and the target are real.
 */

const { available: startable, why } = available('embedded');

/** Long enough to see that current stays accepted, short enough to wait for. */
const OVERLAP = '1s';
const SECRET = 'shop/database';

interface Play {
  readonly client: SecretsClient;
  readonly target: PostgresTarget;
  readonly role: DatabaseCredential;
}

interface Story {
  readonly title: string;
  readonly strategy: 'alternating-users' | 'single-user';
  readonly points: readonly string[];
  /** What is done with the server that is to die, once rotation is configured; by default, one rotation. */
  readonly play?: (play: Play) => Promise<unknown>;
  /** What a person does about it after the restart. */
  readonly mend?: (play: Play) => Promise<unknown>;
  /** Boundary at which an earlier server died, so that the one that is to die finds something to recover. */
  readonly diesBefore?: string;
}

const UNTIL_PROMOTION = [
  ...[
    'begin',
    'login',
    'target-proof',
    'create-intent',
    'escrow',
    'value',
    'create-outcome',
    'set-intent',
    'set-outcome',
  ],
  ...['test-outcome', 'promotion'],
];

const STORIES: readonly Story[] = [
  {
    title: 'a rotation with two users',
    strategy: 'alternating-users',
    points: [...UNTIL_PROMOTION, 'settlement', 'revoke-intent', 'revocation', 'end'],
  },
  { title: 'a rotation with one password', strategy: 'single-user', points: [...UNTIL_PROMOTION, 'end'] },
  {
    title: 'a rotation taken up after a crash in the middle of set',
    strategy: 'single-user',
    points: ['recovery'],
    diesBefore: 'before:set-outcome',
  },
  {
    title: 'a rotation taken up after a crash in the middle of its test',
    strategy: 'single-user',
    points: ['test-intent'],
    diesBefore: 'before:test-outcome',
  },
  {
    title: 'a rotation taken up after a crash just before promotion',
    strategy: 'single-user',
    points: ['finish-intent'],
    diesBefore: 'before:promotion',
  },
  {
    title: 'a rotation that waits for the overlap of the last',
    strategy: 'alternating-users',
    points: ['wait'],
    // Which of the two looks first when the overlap ends is chance; the one behind waits in half of all cases.
    play: async ({ client }) => {
      for (let round = 0; round < 20; round++) {
        await rotate(client);
        await until(async () => ((await rotationsOf(client, SECRET))[0]?.state === 'retiring' ? true : null));
      }
    },
  },
  {
    title: 'a rotation whose role has seen a newer one',
    strategy: 'alternating-users',
    points: ['higher-number'],
    play: async ({ client, target, role }) => {
      const { ARN: secret } = await client.call('DescribeSecret', { SecretId: SECRET });
      await target.asSuperuser(`COMMENT ON ROLE ${role.username} IS '[rekey ${JSON.stringify({ secret, fence: 7 })}]'`);
      await rotate(client);
    },
  },
  {
    title: 'a rotation that lacks a privilege, until a person grants it',
    strategy: 'single-user',
    points: ['failure'],
    play: async ({ client, target, role }) => {
      await target.mayAdminister(role, false);
      await rotate(client);
    },
    mend: async ({ client, target, role }) => {
      await target.mayAdminister(role, true);
      await rotate(client);
    },
  },
  {
    title: 'a rotation of a role whose password nobody checks, until somebody does',
    strategy: 'single-user',
    points: ['block'],
    play: async ({ client, target, role }) => {
      await target.checksPasswordOf(role, false);
      await rotate(client);
    },
    mend: async ({ client, target, role }) => {
      await target.checksPasswordOf(role, true);
      await rotate(client);
    },
  },
  {
    title: 'a rotation that is cancelled and asked for again',
    strategy: 'alternating-users',
    points: ['cancel'],
    play: async ({ client, target, role }) => {
      await target.mayAdminister(role, false);
      await rotate(client);
      await client.call('CancelRotateSecret', { SecretId: SECRET });
    },
    mend: async ({ client, target, role }) => {
      await target.mayAdminister(role, true);
      await configure(client, 'alternating-users');
      await rotate(client);
    },
  },
];

/** Of the rest, PostgreSQL knows no way to reject a verifier, and the end of a retirement is its `end`. */
const PLAYED_IN_MEMORY_ONLY = ['revoke-outcome', 'fresh-value'];

test('every durable boundary is in one of the stories', () => {
  const played = new Set(STORIES.flatMap(({ points }) => points));
  assert.deepEqual(
    DURABLE_POINTS.filter((point) => !played.has(point)),
    PLAYED_IN_MEMORY_ONLY,
  );
});

describe('killed at each durable boundary of a rotation', { skip: startable ? false : why, concurrency: 2 }, () => {
  let postgres: RunningPostgres;
  let target: PostgresTarget;

  before(async () => {
    postgres = await startPostgres({ version: 'embedded' });
    target = await PostgresTarget.open(postgres);
  });
  after(async () => {
    await target?.close();
    await postgres?.stop();
  });

  for (const story of STORIES)
    for (const point of story.points)
      for (const side of ['before', 'after'])
        test(`${story.title}: killed ${side} ${point}, it goes on and nobody is locked out`, (context) =>
          killAndRecover(context, story, `${side}:${point}`, target));
});

async function killAndRecover(context: TestContext, story: Story, boundary: string, target: PostgresTarget) {
  const dataFolder = join(await temporaryFolder(context), 'data');
  const role = await target.newRole();
  await dieAt(context, { dataFolder, boundary, story, target, role });
  await assertAuditSound(dataFolder);
  const heir = await startServer({ dataFolder, test: context });
  const client = rootClient(heir.endpoint);
  await story.mend?.({ client, target, role });
  await settle(client, story);
  await assertEndedWell(client, role);
  assert.equal(await heir.stop(), 0);
  await assertAuditSound(dataFolder);
}

interface Death {
  readonly dataFolder: string;
  readonly boundary: string;
  readonly story: Story;
  readonly target: PostgresTarget;
  readonly role: DatabaseCredential;
}

/** Configures, rotates and dies; with `diesBefore`, a second server finds what the first left and dies over it. */
async function dieAt(context: TestContext, { dataFolder, boundary, story, target, role }: Death): Promise<void> {
  const orders = story.diesBefore === undefined ? [boundary] : [story.diesBefore, boundary];
  for (const [at, order] of orders.entries()) {
    const server = await startServer({ dataFolder, environment: { REKEY_KILL_AT: order }, test: context });
    if (at === 0) await playUntilDeath(server, story, { target, role });
    await diesOf(server, order);
  }
}

/** What the client is told while its server dies under it is of no interest: only what outlives the death counts. */
async function playUntilDeath(server: TestServer, story: Story, parts: Omit<Play, 'client'>): Promise<void> {
  const client = rootClient(server.endpoint);
  const { target, role } = parts;
  await client.call('CreateSecret', { Name: 'shop/admin', SecretString: JSON.stringify(target.admin) });
  const value = JSON.stringify({ ...role, masterarn: 'shop/admin' });
  await client.call('CreateSecret', { Name: SECRET, SecretString: value });
  await configure(client, story.strategy);
  const play = story.play ?? (() => rotate(client));
  await play({ client, ...parts }).catch((error: RekeyClientError) => {
    if (error.code !== 'unreachable') throw error;
  });
}

async function diesOf(server: TestServer, order: string): Promise<void> {
  const dead = () => (server.process.signalCode === null && server.process.exitCode === null ? null : true);
  await until(dead).catch(() => assert.fail(`the server never came to ${order}:\n${server.output()}`));
  assert.equal(server.process.signalCode, 'SIGKILL', server.output());
}

/**
 * Watches until the rotation is done. A rotation whose beginning nobody was told of may be lost with the server that
 * was asked: it is asked for again, as the client would.
 */
async function settle(client: SecretsClient, { strategy }: Story): Promise<void> {
  if ((await rotationsOf(client, SECRET)).length === 0) await rotate(client);
  await until(async () => {
    if (strategy === 'alternating-users') assert.ok(await logsIn(await textOf(client, SECRET)), 'current was refused');
    const [last] = await rotationsOf(client, SECRET);
    assert.notEqual(last?.state, 'blocked', JSON.stringify(last));
    return last?.state === 'done' ? last : null;
  });
}

async function assertEndedWell(client: SecretsClient, role: DatabaseCredential): Promise<void> {
  const [last] = await rotationsOf(client, SECRET);
  assert.ok(last?.oldRefusedAt, `the old value is proven refused: ${JSON.stringify(last)}`);
  const current = await textOf(client, SECRET);
  assert.ok(await logsIn(current), 'current logs in');
  const previous = await textOf(client, SECRET, 'AWSPREVIOUS');
  assert.ok(previous !== null, 'what was current before is kept');
  assert.equal(await logsIn(previous), false, 'previous is refused');
  assert.equal(await logsIn(JSON.stringify(role)), false, 'the first password of all is refused');
  assert.equal(await textOf(client, SECRET, 'AWSPENDING').then((text) => text ?? current), current);
}

async function configure(client: SecretsClient, strategy: string): Promise<void> {
  const wish = {
    rotator: 'postgres',
    every: '30d',
    strategy,
    overlap: OVERLAP,
    retireWithin: OVERLAP,
    usernameMayChange: true,
  };
  await client.native('PUT', secretPath(SECRET, 'rotation'), wish);
}

function rotate(client: SecretsClient): Promise<unknown> {
  return client.native('POST', secretPath(SECRET, 'rotate'));
}

/** A line torn by the crash is told apart from tampering: the log is sound either way. */
async function assertAuditSound(dataFolder: string): Promise<void> {
  const { code, out, err } = await runRekey(['audit', 'verify', '--data', dataFolder]);
  assert.equal(code, 0, out + err);
}
