import assert from 'node:assert/strict';
import { randomInt } from 'node:crypto';
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import type { RekeyClientError, SecretsClient } from '@rekey/client';
import { rootClient, rotationsOf, secretPath, textOf } from './support/clients.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { logsIn, type PostgresTarget } from './support/postgres-target.ts';

import { runRekey, startServer, type TestServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

/**
 * A server that is killed at random moments while it rotates two credentials every second or two, and applications that
 * log in meanwhile with what is current. `REKEY_KILLS=200 npm test -- random-kills` plays the full number.
 */

const KILLS = Number(process.env.REKEY_KILLS ?? 40);
/** A server lives this long at most after it is ready: some die before their first rotation, some after two. */
const LONGEST_LIFE_MS = 1_200;
/**
 * A server that dies every second leaves more doubt than the default budget of logins resolves without waiting for
 * minutes, as it should at a target that locks accounts; PostgreSQL locks none.
 */
const LOGIN_BUDGET = 'rotation: { loginBudget: { logins: 100, window: 1s } }\n';
/** Versions a secret keeps at least, with or without labels (AWS: about a hundred). */
const KEPT_VERSIONS = 20;

const SECRETS = [
  { name: 'shop/two-users', strategy: 'alternating-users', every: '2s', overlap: '1s' },
  { name: 'shop/one-password', strategy: 'single-user', every: '1s', overlap: '0s' },
] as const;

describe(`killed ${KILLS} times at random while rotating back to back`, { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres();

  test('every rotation goes on, nobody is locked out, nothing is lost and the audit log is sound', async (context) => {
    const dataFolder = join(await temporaryFolder(context), 'data');
    const watch = new Watch();
    await configure(context, dataFolder, given.target);
    for (let kill = 0; kill < KILLS; kill++) {
      const server = await startServer({ dataFolder, test: context });
      const watching = watch.until(server);
      await delay(randomInt(LONGEST_LIFE_MS));
      await server.kill();
      await watching;
    }
    const last = await startServer({ dataFolder, test: context });
    const client = rootClient(last.endpoint);
    for (const { name } of SECRETS) await assertSettles(client, name, watch);
    context.diagnostic(`${KILLS} kills, ${await rotationsDone(client)} rotations, ${watch.summary()}`);
    assert.equal(await last.stop(), 0);
    const { code, out, err } = await runRekey(['audit', 'verify', '--data', dataFolder]);
    assert.equal(code, 0, out + err);
    context.diagnostic(out.trim());
  });
});

async function configure(context: TestContext, dataFolder: string, target: PostgresTarget): Promise<void> {
  await mkdir(dataFolder, { mode: 0o700 });
  await writeFile(join(dataFolder, 'rekey.yaml'), LOGIN_BUDGET);
  const server = await startServer({ dataFolder, test: context });
  const client = rootClient(server.endpoint);
  await client.call('CreateSecret', { Name: 'shop/admin', SecretString: JSON.stringify(target.admin) });
  for (const { name, ...wish } of SECRETS) {
    const value = JSON.stringify({ ...(await target.newRole()), masterarn: 'shop/admin' });
    await client.call('CreateSecret', { Name: name, SecretString: value });
    const body = { rotator: 'postgres', usernameMayChange: true, ...wish };
    await client.native('PUT', secretPath(name, 'rotation'), body);
  }
  await server.stop();
}

/** Applications: each reads what is current and logs in with it, again and again, and remembers what it has seen. */
class Watch {
  /** Every version that was ever seen as current, oldest first. */
  readonly seen = new Map<string, Map<string, string>>();
  #logins = 0;
  #refusedInSwitch = 0;

  async until(server: TestServer): Promise<void> {
    const client = rootClient(server.endpoint);
    await Promise.all(SECRETS.map((secret) => this.#use(client, server, secret)));
  }

  async #use(client: SecretsClient, server: TestServer, { name, strategy }: (typeof SECRETS)[number]): Promise<void> {
    while (server.process.signalCode === null && server.process.exitCode === null) {
      const read = await client.call('GetSecretValue', { SecretId: name }).catch(ignoreDeath);
      if (read === null) return;
      const [versionId, text] = [String(read.VersionId), String(read.SecretString)];
      this.#remember(name, versionId, text);
      this.#logins += 1;
      if (await logsIn(text)) continue;
      assert.equal(strategy, 'single-user', `version ${versionId} of ${name} was current and refused`);
      this.#refusedInSwitch += 1;
    }
  }

  #remember(name: string, versionId: string, text: string): void {
    const versions = this.seen.get(name) ?? new Map<string, string>();
    assert.equal(versions.get(versionId) ?? text, text, `version ${versionId} of ${name} changed its value`);
    this.seen.set(name, versions.set(versionId, text));
  }

  summary(): string {
    const versions = [...this.seen.values()].reduce((sum, of) => sum + of.size, 0);
    return `${versions} versions seen as current, ${this.#logins} logins, refused ${this.#refusedInSwitch} (all inside the switch of the one password)`;
  }
}

/** What is left running comes to its end by itself; then what is current is let in and what was current is there. */
async function assertSettles(client: SecretsClient, name: string, watch: Watch): Promise<void> {
  await client.call('CancelRotateSecret', { SecretId: name });
  await until(async () => {
    const [last] = await rotationsOf(client, name);
    return last === undefined || ['done', 'abandoned'].includes(last.state) ? true : null;
  });
  assert.ok(await logsIn(await textOf(client, name)), `current of ${name} logs in`);
  for (const [versionId, text] of [...(watch.seen.get(name) ?? [])].slice(-KEPT_VERSIONS)) {
    const kept = await client.call('GetSecretValue', { SecretId: name, VersionId: versionId });
    assert.equal(kept.SecretString, text, `version ${versionId} of ${name}, once current, is kept`);
  }
}

async function rotationsDone(client: SecretsClient): Promise<number> {
  const newest = await Promise.all(SECRETS.map(({ name }) => rotationsOf(client, name)));
  return newest.reduce((sum, [last]) => sum + (last?.number ?? 0), 0);
}

function ignoreDeath(error: RekeyClientError): null {
  if (error.code === 'unreachable') return null;
  throw error;
}
