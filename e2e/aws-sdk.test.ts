import assert from 'node:assert/strict';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  BatchGetSecretValueCommand,
  CancelRotateSecretCommand,
  CreateSecretCommand,
  DeleteSecretCommand,
  DescribeSecretCommand,
  GetRandomPasswordCommand,
  GetSecretValueCommand,
  InvalidRequestException,
  ListSecretsCommand,
  ListSecretVersionIdsCommand,
  PutSecretValueCommand,
  paginateListSecrets,
  ResourceExistsException,
  ResourceNotFoundException,
  RestoreSecretCommand,
  RotateSecretCommand,
  SecretsManagerClient,
  TagResourceCommand,
  UntagResourceCommand,
  UpdateSecretCommand,
  UpdateSecretVersionStageCommand,
} from '@aws-sdk/client-secrets-manager';
import { ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY, startServer, type TestServer } from './support/server.ts';
import { until } from './support/until.ts';

describe('the official AWS SDK against a rekey server', () => {
  let server: TestServer;
  let client: SecretsManagerClient;
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
    server = await startServer({ dataFolder: join(folder, 'data') });
    client = clientFor(server.endpoint, ROOT_SECRET_ACCESS_KEY);
  });
  after(async () => {
    client.destroy();
    assert.equal(await server.stop(), 0);
    await rm(folder, { recursive: true, force: true });
  });

  test('creates, reads, updates and lists versions of a secret', async () => {
    const created = await client.send(
      new CreateSecretCommand({
        Name: 'sdk/one',
        SecretString: 'first',
        Description: 'a',
        Tags: [{ Key: 'team', Value: 'x' }],
      }),
    );
    assert.match(created.ARN ?? '', /^arn:aws:secretsmanager:us-east-1:000000000000:secret:sdk\/one-[A-Za-z0-9]{6}$/);
    const read = await client.send(new GetSecretValueCommand({ SecretId: 'sdk/one' }));
    assert.equal(read.SecretString, 'first');
    assert.deepEqual(read.VersionStages, ['AWSCURRENT']);
    assert.ok(read.CreatedDate instanceof Date);
    const put = await client.send(new PutSecretValueCommand({ SecretId: created.ARN, SecretString: 'second' }));
    assert.deepEqual(put.VersionStages, ['AWSCURRENT']);
    await client.send(new UpdateSecretCommand({ SecretId: 'sdk/one', Description: 'b' }));
    const previous = await client.send(new GetSecretValueCommand({ SecretId: 'sdk/one', VersionStage: 'AWSPREVIOUS' }));
    assert.equal(previous.SecretString, 'first');
    const versions = await client.send(new ListSecretVersionIdsCommand({ SecretId: 'sdk/one' }));
    assert.equal(versions.Versions?.length, 2);
    const described = await client.send(new DescribeSecretCommand({ SecretId: 'sdk/one' }));
    assert.equal(described.Description, 'b');
    assert.deepEqual(described.Tags, [{ Key: 'team', Value: 'x' }]);
  });

  test('carries bytes as bytes', async () => {
    const bytes = Uint8Array.from({ length: 256 }, (_, index) => index);
    await client.send(new CreateSecretCommand({ Name: 'sdk/bytes', SecretBinary: bytes }));
    const read = await client.send(new GetSecretValueCommand({ SecretId: 'sdk/bytes' }));
    assert.deepEqual(Buffer.from(read.SecretBinary ?? []), Buffer.from(bytes));
    assert.equal(read.SecretString, undefined);
  });

  test('answers failures with the SDK’s typed exceptions', async () => {
    await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: 'sdk/none' })), ResourceNotFoundException);
    await client.send(new CreateSecretCommand({ Name: 'sdk/twice', SecretString: 'x' }));
    await assert.rejects(
      client.send(new CreateSecretCommand({ Name: 'sdk/twice', SecretString: 'y' })),
      ResourceExistsException,
    );
    await assert.rejects(client.send(new RotateSecretCommand({ SecretId: 'sdk/twice' })), InvalidRequestException);
  });

  test('refuses a wrong secret access key by the code AWS uses', async () => {
    const stranger = clientFor(server.endpoint, 'not-the-secret-access-key-of-root');
    await assert.rejects(
      stranger.send(new GetSecretValueCommand({ SecretId: 'sdk/one' })),
      (error: Error) => error.name === 'InvalidSignatureException',
    );
    stranger.destroy();
  });

  test('pages through many secrets', async () => {
    for (let at = 0; at < 7; at++)
      await client.send(new CreateSecretCommand({ Name: `page/${at}`, SecretString: String(at) }));
    const names: string[] = [];
    for await (const page of paginateListSecrets(
      { client, pageSize: 3 },
      { Filters: [{ Key: 'name', Values: ['page/'] }] },
    ))
      names.push(...(page.SecretList ?? []).map((secret) => secret.Name ?? ''));
    assert.deepEqual(
      names.sort(),
      Array.from({ length: 7 }, (_, at) => `page/${at}`),
    );
    const batch = await client.send(new BatchGetSecretValueCommand({ SecretIdList: ['page/0', 'page/none'] }));
    assert.equal(batch.SecretValues?.[0]?.SecretString, '0');
    assert.equal(batch.Errors?.[0]?.ErrorCode, 'ResourceNotFoundException');
  });

  test('moves labels, tags, deletes and restores', async () => {
    const first = await client.send(new CreateSecretCommand({ Name: 'sdk/labels', SecretString: 'a' }));
    const second = await client.send(new PutSecretValueCommand({ SecretId: 'sdk/labels', SecretString: 'b' }));
    await client.send(
      new UpdateSecretVersionStageCommand({
        SecretId: 'sdk/labels',
        VersionStage: 'AWSCURRENT',
        MoveToVersionId: first.VersionId,
        RemoveFromVersionId: second.VersionId,
      }),
    );
    assert.equal((await client.send(new GetSecretValueCommand({ SecretId: 'sdk/labels' }))).SecretString, 'a');
    await client.send(new TagResourceCommand({ SecretId: 'sdk/labels', Tags: [{ Key: 'k', Value: 'v' }] }));
    await client.send(new UntagResourceCommand({ SecretId: 'sdk/labels', TagKeys: ['k'] }));
    assert.deepEqual((await client.send(new DescribeSecretCommand({ SecretId: 'sdk/labels' }))).Tags, []);
    const deleted = await client.send(new DeleteSecretCommand({ SecretId: 'sdk/labels', RecoveryWindowInDays: 7 }));
    assert.ok((deleted.DeletionDate?.getTime() ?? 0) > Date.now() + 6 * 86_400_000);
    await assert.rejects(client.send(new GetSecretValueCommand({ SecretId: 'sdk/labels' })), InvalidRequestException);
    await client.send(new RestoreSecretCommand({ SecretId: 'sdk/labels' }));
    assert.equal((await client.send(new GetSecretValueCommand({ SecretId: 'sdk/labels' }))).SecretString, 'a');
  });

  test('rotates a value and cancels rotation', async () => {
    await client.send(new CreateSecretCommand({ Name: 'sdk/rotated', SecretString: 'old' }));
    const begun = await client.send(
      new RotateSecretCommand({
        SecretId: 'sdk/rotated',
        RotationLambdaARN: 'arn:aws:lambda:us-east-1:000000000000:function:rekey-random-value',
        RotationRules: { AutomaticallyAfterDays: 30 },
      }),
    );
    const rotated = await until(async () => {
      const read = await client.send(new GetSecretValueCommand({ SecretId: 'sdk/rotated' }));
      return read.VersionId === begun.VersionId ? read : null;
    });
    assert.notEqual(rotated.SecretString, 'old');
    const described = await until(async () => {
      const found = await client.send(new DescribeSecretCommand({ SecretId: 'sdk/rotated' }));
      return found.LastRotatedDate === undefined ? null : found;
    });
    assert.equal(described.RotationEnabled, true);
    assert.ok((described.NextRotationDate?.getTime() ?? 0) > Date.now() + 28 * 86_400_000);
    await client.send(new CancelRotateSecretCommand({ SecretId: 'sdk/rotated' }));
    assert.equal((await client.send(new DescribeSecretCommand({ SecretId: 'sdk/rotated' }))).RotationEnabled, false);
  });

  test('makes random passwords', async () => {
    const { RandomPassword = '' } = await client.send(
      new GetRandomPasswordCommand({ PasswordLength: 40, ExcludePunctuation: true }),
    );
    assert.match(RandomPassword, /^[A-Za-z0-9]{40}$/);
    const listed = await client.send(new ListSecretsCommand({ MaxResults: 1 }));
    assert.equal(listed.SecretList?.length, 1);
  });
});

function clientFor(endpoint: string, secretAccessKey: string): SecretsManagerClient {
  return new SecretsManagerClient({
    endpoint,
    region: 'us-east-1',
    maxAttempts: 1,
    credentials: { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey },
  });
}
