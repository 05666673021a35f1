import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, test } from 'node:test';
import { SecretsClient } from '@rekey/client';
import { textOf } from './support/clients.ts';
import { startCluster } from './support/cluster.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';
import { createUser } from './support/iam.ts';
import { until } from './support/until.ts';

/** As AWS says it of a service that is in trouble. */
const NOT_MADE = /An error occurred on the server side/;

/** A server whose operator allows that it answers from what it knows while PostgreSQL is away. */
describe('a server that lost its store', { skip: skipWithoutPostgres }, () => {
  const given = givenPostgres({ max_connections: '60' });

  test('answers what was read before, marked, within who may read it; writes stop, and go on when it is back', async (context) => {
    const [member] = await startCluster(given.postgres, context, { members: 1, schema: 'stale' });
    assert.ok(member);
    await member.server.stop();
    await writeFile(join(member.dataFolder, 'rekey.yaml'), 'store: { staleReads: 10m }\nmetrics: { open: true }\n', {
      mode: 0o600,
    });
    await member.start();
    const { endpoint } = member.server;
    const metrics = async () => (await fetch(new URL('/metrics', endpoint))).text();
    const health = () => fetch(new URL('/healthz', endpoint));
    await member.client.call('CreateSecret', { Name: 'kept', SecretString: 'the value' });
    await member.client.call('CreateSecret', { Name: 'other', SecretString: 'another value' });
    const statement = {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: 'arn:aws:secretsmanager:*:*:secret:kept-*',
    };
    const credentials = await createUser(endpoint, 'reader', [statement]);
    const reader = new SecretsClient({ endpoint, region: 'us-east-1', credentials });
    assert.equal(await textOf(reader, 'kept'), 'the value');
    await assert.rejects(textOf(reader, 'other'), /not authorized/);
    assert.equal((await health()).headers.get('rekey-stale-seconds'), null);

    member.network.cut();
    await until(async () => (await health()).headers.get('rekey-stale-seconds'));
    assert.match(await (await health()).text(), /ok, without the store: answers are up to \d+ s old/);
    assert.equal(await textOf(reader, 'kept'), 'the value');
    await assert.rejects(textOf(reader, 'other'), /not authorized/);
    const put = (text: string) => member.client.call('PutSecretValue', { SecretId: 'kept', SecretString: text });
    await assert.rejects(put('written without the store'), NOT_MADE);
    const told = await metrics();
    assert.match(told, /^rekey_store_reachable 0$/m);
    assert.match(told, /^rekey_store_read_age_seconds [1-9]/m);
    assert.match(told, /^rekey_stale_answers_total\{face="aws-secrets-manager"\} [1-9]/m);
    assert.equal(await textOf(reader, 'kept'), 'the value');

    member.network.mend();
    await until(() => put('written later').catch(() => null));
    assert.equal(await textOf(reader, 'kept'), 'written later');
    assert.equal((await health()).headers.get('rekey-stale-seconds'), null);
  });
});
