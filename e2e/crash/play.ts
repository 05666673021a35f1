import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { RekeyClientError, SecretsClient } from '@rekey/client';
import { CuttableProxy } from '../../scripts/test-services/cuttable-proxy.ts';
import { atEnd, type Cleanup } from '../support/cleanup.ts';
import { rootClient, rotationsOf, secretPath, textOf } from '../support/clients.ts';
import { type DatabaseCredential, logsIn, type PostgresTarget } from '../support/postgres-target.ts';
import { runRekey, startServer, type TestServer, temporaryFolder } from '../support/server.ts';
import { until } from '../support/until.ts';
import { configure, type Play, rotate, SECRET, type Story } from './stories.ts';

/** What became of one rotation that was cut short. */
export interface Recovered {
  /** Names of the recovery cases that took it up; none where it simply went on from its last record. */
  readonly cases: readonly string[];
  /** From the fault to the end of the rotation, its overlap included. */
  readonly seconds: number;
  /** Connections that rekey made to PostgreSQL since the fault, the admin credential's included. */
  readonly logins: number;
}

/** A data folder, a role of its own, and rekey's road to PostgreSQL, which can be cut and counts connections. */
export interface Stage {
  readonly dataFolder: string;
  readonly target: PostgresTarget;
  readonly road: CuttableProxy;
  /** As PostgreSQL knows it; what rekey is given names the road's port. */
  readonly role: DatabaseCredential;
}

export async function setStage(test: Cleanup, target: PostgresTarget): Promise<Stage> {
  const dataFolder = join(await temporaryFolder(test), 'data');
  const road = await CuttableProxy.before(target.server);
  atEnd(test, () => road.close());
  return { dataFolder, target, road, role: await target.newRole() };
}

/** Kills the server at a boundary, starts another over what it left, and sees that everything ends well. */
export async function killAndRecover(test: Cleanup, stage: Stage, story: Story, boundary: string): Promise<Recovered> {
  const { dataFolder, role, target, road } = stage;
  await dieAt(test, stage, story, boundary);
  const died = { at: Date.now(), logins: road.connections };
  await assertAuditSound(dataFolder);
  const heir = await startServer({ dataFolder, test });
  const client = rootClient(heir.endpoint);
  await story.mend?.({ client, target, role });
  await settle(client, stage, story.strategy);
  const recovered = await recoveredSince(client, road, died);
  await assertEndedWell(client, stage);
  assert.equal(await heir.stop(), 0);
  await assertAuditSound(dataFolder);
  return recovered;
}

/** Stores the credentials as rekey is to find them: at the other end of the road. */
export async function storeCredentials(client: SecretsClient, { target, road, role }: Stage): Promise<void> {
  const { port } = road;
  await client.call('CreateSecret', { Name: 'shop/admin', SecretString: JSON.stringify({ ...target.admin, port }) });
  const value = JSON.stringify({ ...role, port, masterarn: 'shop/admin' });
  await client.call('CreateSecret', { Name: SECRET, SecretString: value });
}

/** Configures, rotates and dies; with `diesBefore`, a second server finds what the first left and dies over it. */
async function dieAt(test: Cleanup, stage: Stage, story: Story, boundary: string): Promise<void> {
  const { dataFolder } = stage;
  const orders = story.diesBefore === undefined ? [boundary] : [story.diesBefore, boundary];
  for (const [at, order] of orders.entries()) {
    const server = await startServer({ dataFolder, environment: { REKEY_KILL_AT: order }, test });
    if (at === 0) await playUntilDeath(server, story, stage);
    await diesOf(server, order);
  }
}

/** What the client is told while its server dies under it is of no interest: only what outlives the death counts. */
async function playUntilDeath(server: TestServer, story: Story, stage: Stage): Promise<void> {
  const client = rootClient(server.endpoint);
  await storeCredentials(client, stage);
  await configure(client, story.strategy);
  const play = story.play ?? (({ client: asked }: Play) => rotate(asked));
  await play({ client, target: stage.target, role: stage.role }).catch((error: RekeyClientError) => {
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
export async function settle(client: SecretsClient, stage: Stage, strategy: Story['strategy']): Promise<void> {
  if ((await rotationsOf(client, SECRET)).length === 0) await rotate(client);
  await until(async () => {
    if (strategy === 'alternating-users')
      assert.ok(await accepts(stage, await textOf(client, SECRET)), 'current was refused');
    const [last] = await rotationsOf(client, SECRET);
    assert.notEqual(last?.state, 'blocked', JSON.stringify(last));
    return last?.state === 'done' ? last : null;
  });
}

/** What the history of the rotation says of its recovery. */
export async function recoveredSince(
  client: SecretsClient,
  road: CuttableProxy,
  fault: { readonly at: number; readonly logins: number },
): Promise<Recovered> {
  const { connections } = road;
  const [last] = await rotationsOf(client, SECRET);
  const { rotation } = (await client.native('GET', secretPath(SECRET, 'rotations', last!.id))) as unknown as {
    readonly rotation: { readonly endedAt: number; readonly steps: readonly { readonly recovery?: string }[] };
  };
  const cases = rotation.steps.flatMap(({ recovery }) => (recovery === undefined ? [] : [recovery]));
  return {
    cases: [...new Set(cases)],
    seconds: Math.max(0, rotation.endedAt - fault.at) / 1000,
    logins: connections - fault.logins,
  };
}

export async function assertEndedWell(client: SecretsClient, stage: Stage): Promise<void> {
  const [last] = await rotationsOf(client, SECRET);
  assert.ok(last?.oldRefusedAt, `the old value is proven refused: ${JSON.stringify(last)}`);
  const current = await textOf(client, SECRET);
  assert.ok(await accepts(stage, current), 'current logs in');
  const previous = await textOf(client, SECRET, 'AWSPREVIOUS');
  assert.ok(previous !== null, 'what was current before is kept');
  assert.equal(await accepts(stage, previous), false, 'previous is refused');
  assert.equal(await accepts(stage, JSON.stringify(stage.role)), false, 'the first password of all is refused');
  assert.equal(await textOf(client, SECRET, 'AWSPENDING').then((text) => text ?? current), current);
}

/** Whether PostgreSQL lets in who holds the text, by a road of the application's own. */
function accepts({ target }: Stage, text: string | null): Promise<boolean> {
  return logsIn(text === null ? null : JSON.stringify({ ...JSON.parse(text), port: target.server.port }));
}

/** A line torn by the crash is told apart from tampering: the log is sound either way. */
export async function assertAuditSound(dataFolder: string): Promise<void> {
  const { code, out, err } = await runRekey(['audit', 'verify', '--data', dataFolder]);
  assert.equal(code, 0, out + err);
}
