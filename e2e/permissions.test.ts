import assert from 'node:assert/strict';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import {
  BatchGetSecretValueCommand,
  CreateSecretCommand,
  DeleteResourcePolicyCommand,
  DescribeSecretCommand,
  GetResourcePolicyCommand,
  GetSecretValueCommand,
  InvalidParameterException,
  ListSecretsCommand,
  MalformedPolicyDocumentException,
  PublicPolicyException,
  PutResourcePolicyCommand,
  PutSecretValueCommand,
  ReplicateSecretToRegionsCommand,
  SecretsManagerClient,
  StopReplicationToReplicaCommand,
  ValidateResourcePolicyCommand,
} from '@aws-sdk/client-secrets-manager';
import { createUser } from './support/iam.ts';
import {
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  runRekey,
  startServer,
  type TestServer,
} from './support/server.ts';

const ROOT = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };
const ACCOUNT = '000000000000';
const ANA = `arn:aws:iam::${ACCOUNT}:user/ana`;
const THERE = 'eu-west-1';

describe('a user with a policy, by the official AWS SDK', () => {
  let folder: string;
  let server: TestServer;
  let root: SecretsManagerClient;
  let ana: SecretsManagerClient;
  const clients: SecretsManagerClient[] = [];

  function clientFor(credentials: typeof ROOT, region = 'us-east-1'): SecretsManagerClient {
    const client = new SecretsManagerClient({ endpoint: server.endpoint, region, maxAttempts: 1, credentials });
    clients.push(client);
    return client;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
    const config = join(folder, 'rekey.yaml');
    await writeFile(config, `replicaRegions: [${THERE}]\n`);
    server = await startServer({ dataFolder: join(folder, 'data'), words: ['--config', config] });
    root = clientFor(ROOT);
    for (const Name of ['app/db', 'other'])
      await root.send(new CreateSecretCommand({ Name, SecretString: `value of ${Name}` }));
    const onApp = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:app/*`;
    const statements = [
      {
        Sid: 'App',
        Effect: 'Allow',
        Action: ['secretsmanager:GetSecretValue', 'secretsmanager:DescribeSecret'],
        Resource: onApp,
      },
      { Effect: 'Allow', Action: ['secretsmanager:ListSecrets', 'secretsmanager:BatchGetSecretValue'], Resource: '*' },
    ];
    ana = clientFor(await createUser(server.endpoint, 'ana', statements));
  });
  after(async () => {
    for (const client of clients) client.destroy();
    assert.equal(await server.stop(), 0);
    await rm(folder, { recursive: true, force: true });
  });

  test('reads what the policy allows, and is refused the rest in the words of AWS', async () => {
    const read = await ana.send(new GetSecretValueCommand({ SecretId: 'app/db' }));
    assert.equal(read.SecretString, 'value of app/db');
    await ana.send(new DescribeSecretCommand({ SecretId: read.ARN }));
    for (const SecretId of ['other', 'never'])
      await assert.rejects(ana.send(new GetSecretValueCommand({ SecretId })), {
        name: 'AccessDeniedException',
        message: `User: ${ANA} is not authorized to perform: secretsmanager:GetSecretValue on resource: ${SecretId} because no identity-based policy allows the secretsmanager:GetSecretValue action`,
      });
    await assert.rejects(ana.send(new PutSecretValueCommand({ SecretId: 'app/db', SecretString: 'x' })), {
      name: 'AccessDeniedException',
    });
  });

  test('lists all names, but gets only those values of a batch that the policy allows', async () => {
    const { SecretList } = await ana.send(new ListSecretsCommand({}));
    assert.deepEqual(
      SecretList?.map(({ Name }) => Name),
      ['app/db', 'other'],
    );
    const batch = await ana.send(new BatchGetSecretValueCommand({ SecretIdList: ['app/db', 'other'] }));
    assert.deepEqual(
      [batch.SecretValues?.map(({ Name }) => Name), batch.Errors?.map(({ ErrorCode }) => ErrorCode)],
      [['app/db'], ['AccessDeniedException']],
    );
  });

  test("is let in, and kept out, by a secret's own policy", async () => {
    const policy = (Effect: string, Principal: unknown, more: object = {}) =>
      JSON.stringify({
        Version: '2012-10-17',
        Statement: [{ Sid: 'Ana', Effect, Principal, Action: 'secretsmanager:GetSecretValue', Resource: '*', ...more }],
      });
    const put = (SecretId: string, ResourcePolicy: string, BlockPublicPolicy = true) =>
      root.send(new PutResourcePolicyCommand({ SecretId, ResourcePolicy, BlockPublicPolicy }));
    await put('other', policy('Allow', { AWS: ANA }));
    assert.equal((await ana.send(new GetSecretValueCommand({ SecretId: 'other' }))).SecretString, 'value of other');
    const { ResourcePolicy } = await root.send(new GetResourcePolicyCommand({ SecretId: 'other' }));
    assert.equal(ResourcePolicy, policy('Allow', { AWS: ANA }));
    await put('app/db', policy('Deny', '*', { Condition: { StringEquals: { 'aws:username': 'ana' } } }));
    await assert.rejects(ana.send(new GetSecretValueCommand({ SecretId: 'app/db' })), {
      name: 'AccessDeniedException',
      message: /on resource: app\/db with an explicit deny in a resource-based policy$/,
    });
    await assert.rejects(put('other', policy('Allow', '*')), PublicPolicyException);
    await assert.rejects(put('other', policy('Allow', { AWS: `${ANA}-x` })), MalformedPolicyDocumentException);
    const validated = await root.send(new ValidateResourcePolicyCommand({ ResourcePolicy: policy('Allow', '*') }));
    assert.deepEqual(
      [validated.PolicyValidationPassed, validated.ValidationErrors?.map(({ CheckName }) => CheckName)],
      [false, ['BroadAccess']],
    );
    for (const SecretId of ['other', 'app/db']) await root.send(new DeleteResourcePolicyCommand({ SecretId }));
    await ana.send(new GetSecretValueCommand({ SecretId: 'app/db' }));
  });

  test('reads a replica in its region only where the policy reaches that region', async () => {
    const AddReplicaRegions = [{ Region: THERE }];
    await root.send(new ReplicateSecretToRegionsCommand({ SecretId: 'app/db', AddReplicaRegions }));
    const rootThere = clientFor(ROOT, THERE);
    const replica = await rootThere.send(new GetSecretValueCommand({ SecretId: 'app/db' }));
    assert.deepEqual([replica.SecretString, replica.ARN?.split(':')[3]], ['value of app/db', THERE]);
    await assert.rejects(
      rootThere.send(new PutSecretValueCommand({ SecretId: 'app/db', SecretString: 'x' })),
      InvalidParameterException,
    );
    await assert.rejects(ana.send(new GetSecretValueCommand({ SecretId: replica.ARN })), {
      name: 'AccessDeniedException',
    });
    await rootThere.send(new StopReplicationToReplicaCommand({ SecretId: 'app/db' }));
    await rootThere.send(new PutSecretValueCommand({ SecretId: 'app/db', SecretString: 'its own' }));
    assert.equal((await root.send(new GetSecretValueCommand({ SecretId: 'app/db' }))).SecretString, 'value of app/db');
    const elsewhere = clientFor(ROOT, 'ap-south-1');
    await assert.rejects(elsewhere.send(new ListSecretsCommand({})), { name: 'InvalidSignatureException' });
  });

  test('`rekey policy simulate` shows the decision and the statement, and so does the audit log', async () => {
    const { out, code } = await runRekey(
      ['policy', 'simulate', ANA, 'secretsmanager:GetSecretValue', 'app/db', '--data', join(folder, 'data')],
      {},
    );
    assert.equal(code, 0);
    assert.match(
      out,
      /may perform secretsmanager:GetSecretValue on arn:\S+\n {2}allowed by the identity-based policy "Own", statement App\n/,
    );
    const log = await readFile(join(folder, 'data', 'audit', 'audit-000000000001.jsonl'), 'utf8');
    assert.match(log, /allowed by the identity-based policy \\"Own\\", statement App/);
    assert.match(log, /no identity-based policy allows it/);
    assert.doesNotMatch(log, /value of app/);
  });
});
