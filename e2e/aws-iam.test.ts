import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { promisify } from 'node:util';
import {
  AddUserToGroupCommand,
  AttachGroupPolicyCommand,
  CreateAccessKeyCommand,
  CreateGroupCommand,
  CreateOpenIDConnectProviderCommand,
  CreatePolicyCommand,
  CreatePolicyVersionCommand,
  CreateRoleCommand,
  CreateUserCommand,
  DeleteAccessKeyCommand,
  DeleteConflictException,
  DeleteUserCommand,
  EntityAlreadyExistsException,
  GetAccessKeyLastUsedCommand,
  GetAccountSummaryCommand,
  GetOpenIDConnectProviderCommand,
  GetPolicyVersionCommand,
  GetRoleCommand,
  GetUserCommand,
  IAMClient,
  LimitExceededException,
  ListEntitiesForPolicyCommand,
  ListUsersCommand,
  ListUserTagsCommand,
  MalformedPolicyDocumentException,
  NoSuchEntityException,
  PutUserPolicyCommand,
  paginateListUsers,
  SimulatePrincipalPolicyCommand,
  TagUserCommand,
  UpdateAccessKeyCommand,
} from '@aws-sdk/client-iam';
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  clientEnvironment,
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  startServer,
  type TestServer,
} from './support/server.ts';

const TRUST = JSON.stringify({
  Version: '2012-10-17',
  Statement: [{ Effect: 'Allow', Principal: { AWS: '000000000000' }, Action: 'sts:AssumeRole' }],
});
const AWS = '/usr/bin/aws';

function reading(resource: string): string {
  const statement = { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: resource };
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

let server: TestServer;
let folder: string;
let iam: IAMClient;

before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-e2e-'));
  server = await startServer({ dataFolder: join(folder, 'data') });
  iam = new IAMClient(rootConfiguration());
});
after(async () => {
  iam.destroy();
  assert.equal(await server.stop(), 0);
  await rm(folder, { recursive: true, force: true });
});

function rootConfiguration() {
  return configurationOf(ROOT_ACCESS_KEY_ID, ROOT_SECRET_ACCESS_KEY);
}

function configurationOf(accessKeyId: string, secretAccessKey: string) {
  return {
    endpoint: server.endpoint,
    region: 'us-east-1',
    credentials: { accessKeyId, secretAccessKey },
    maxAttempts: 1,
  };
}

describe('the official AWS SDK for IAM against a rekey server', () => {
  test('keeps users, with typed answers and typed errors', async () => {
    const Tags = [{ Key: 'team', Value: 'blue + green' }];
    const { User } = await iam.send(new CreateUserCommand({ UserName: 'sdk-user', Path: '/sdk/', Tags }));
    assert.ok(User?.CreateDate instanceof Date);
    assert.deepEqual((await iam.send(new GetUserCommand({ UserName: 'sdk-user' }))).User, User);
    await iam.send(new TagUserCommand({ UserName: 'sdk-user', Tags: [{ Key: 'more', Value: '' }] }));
    const { Tags: tags } = await iam.send(new ListUserTagsCommand({ UserName: 'sdk-user' }));
    assert.deepEqual(tags, [{ Key: 'more', Value: '' }, ...Tags]);
    await assert.rejects(iam.send(new CreateUserCommand({ UserName: 'SDK-user' })), EntityAlreadyExistsException);
    await assert.rejects(iam.send(new GetUserCommand({ UserName: 'nobody' })), NoSuchEntityException);
    const malformed = { UserName: 'sdk-user', PolicyName: 'p', PolicyDocument: '{' };
    await assert.rejects(iam.send(new PutUserPolicyCommand(malformed)), MalformedPolicyDocumentException);
  });

  test('pages through users', async () => {
    const names = Array.from({ length: 23 }, (_, index) => `paged-${index}`);
    await Promise.all(names.map((UserName) => iam.send(new CreateUserCommand({ UserName, Path: '/paged/' }))));
    const found: string[] = [];
    for await (const page of paginateListUsers({ client: iam, pageSize: 5 }, { PathPrefix: '/paged/' }))
      for (const { UserName } of page.Users ?? []) found.push(UserName!);
    assert.deepEqual(found.toSorted(), names.toSorted());
  });

  test('gives out keys that open the server as that user, until they are switched off', async () => {
    await iam.send(new CreateUserCommand({ UserName: 'keyed' }));
    const { AccessKey } = await iam.send(new CreateAccessKeyCommand({ UserName: 'keyed' }));
    const { AccessKeyId, SecretAccessKey } = AccessKey!;
    await iam.send(new CreateAccessKeyCommand({ UserName: 'keyed' }));
    await assert.rejects(iam.send(new CreateAccessKeyCommand({ UserName: 'keyed' })), LimitExceededException);
    await assert.rejects(iam.send(new DeleteUserCommand({ UserName: 'keyed' })), DeleteConflictException);

    const asRoot = new SecretsManagerClient(rootConfiguration());
    const { ARN } = await asRoot.send(new CreateSecretCommand({ Name: 'iam/one', SecretString: 'value' }));
    const asUser = new SecretsManagerClient(configurationOf(AccessKeyId!, SecretAccessKey!));
    const get = () => asUser.send(new GetSecretValueCommand({ SecretId: 'iam/one' }));
    await assert.rejects(get(), { name: 'AccessDeniedException' });
    const policy = { UserName: 'keyed', PolicyName: 'read', PolicyDocument: reading(ARN!) };
    await iam.send(new PutUserPolicyCommand(policy));
    assert.equal((await get()).SecretString, 'value');

    const { AccessKeyLastUsed, UserName } = await iam.send(new GetAccessKeyLastUsedCommand({ AccessKeyId }));
    assert.deepEqual([UserName, AccessKeyLastUsed?.ServiceName], ['keyed', 'secretsmanager']);
    await iam.send(new UpdateAccessKeyCommand({ UserName: 'keyed', AccessKeyId, Status: 'Inactive' }));
    await assert.rejects(get(), { name: 'UnrecognizedClientException' });
    await iam.send(new DeleteAccessKeyCommand({ UserName: 'keyed', AccessKeyId }));
    await assert.rejects(get(), { name: 'UnrecognizedClientException' });
    asRoot.destroy();
    asUser.destroy();
  });

  test('keeps groups, policies and their versions, and simulates them', async () => {
    const secret = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:simulated-AbCdEf';
    const { Policy } = await iam.send(new CreatePolicyCommand({ PolicyName: 'read', PolicyDocument: reading('*') }));
    const PolicyArn = Policy!.Arn!;
    const next = { PolicyArn, PolicyDocument: reading(secret), SetAsDefault: true };
    const { PolicyVersion } = await iam.send(new CreatePolicyVersionCommand(next));
    assert.deepEqual([PolicyVersion?.VersionId, PolicyVersion?.IsDefaultVersion], ['v2', true]);
    const version = await iam.send(new GetPolicyVersionCommand({ PolicyArn, VersionId: 'v2' }));
    assert.equal(decodeURIComponent(version.PolicyVersion!.Document!), reading(secret));
    await iam.send(new CreateGroupCommand({ GroupName: 'readers' }));
    const { User } = await iam.send(new CreateUserCommand({ UserName: 'reader' }));
    await iam.send(new AddUserToGroupCommand({ GroupName: 'readers', UserName: 'reader' }));
    await iam.send(new AttachGroupPolicyCommand({ GroupName: 'readers', PolicyArn }));
    const { PolicyGroups } = await iam.send(new ListEntitiesForPolicyCommand({ PolicyArn }));
    assert.equal(PolicyGroups?.[0]?.GroupName, 'readers');
    const asked = { ActionNames: ['secretsmanager:GetSecretValue'], ResourceArns: [secret, `${secret}x`] };
    const { EvaluationResults } = await iam.send(
      new SimulatePrincipalPolicyCommand({ PolicySourceArn: User!.Arn!, ...asked }),
    );
    assert.deepEqual(
      EvaluationResults?.map(({ EvalDecision }) => EvalDecision),
      ['allowed', 'implicitDeny'],
    );
  });

  test('keeps roles and OIDC providers, and counts them', async () => {
    const wish = { RoleName: 'sdk-role', AssumeRolePolicyDocument: TRUST, MaxSessionDuration: 7200 };
    await iam.send(new CreateRoleCommand(wish));
    const { Role } = await iam.send(new GetRoleCommand({ RoleName: 'sdk-role' }));
    assert.deepEqual([decodeURIComponent(Role!.AssumeRolePolicyDocument!), Role!.MaxSessionDuration], [TRUST, 7200]);
    const provider = { Url: 'https://issuer.example/one', ClientIDList: ['sts.amazonaws.com'] };
    const { OpenIDConnectProviderArn } = await iam.send(new CreateOpenIDConnectProviderCommand(provider));
    const read = await iam.send(new GetOpenIDConnectProviderCommand({ OpenIDConnectProviderArn }));
    assert.deepEqual([read.Url, read.ClientIDList], ['issuer.example/one', ['sts.amazonaws.com']]);
    const { SummaryMap } = await iam.send(new GetAccountSummaryCommand({}));
    assert.deepEqual([SummaryMap?.Roles, SummaryMap?.Providers, SummaryMap?.AccessKeysPerUserQuota], [1, 1, 2]);
  });
});

describe("Debian's aws command for IAM against a rekey server", { skip: !existsSync(AWS) && `no ${AWS} here` }, () => {
  const run = promisify(execFile);
  const aws = async (...words: readonly string[]) => {
    const options = { env: { PATH: process.env.PATH ?? '', HOME: folder, ...clientEnvironment(server.endpoint) } };
    const { stdout } = await run(AWS, ['--endpoint-url', server.endpoint, 'iam', ...words], options);
    return stdout === '' ? null : JSON.parse(stdout);
  };

  test('creates, reads, lists and deletes a user, a role and a policy', async () => {
    await aws('create-user', '--user-name', 'cli', '--tags', 'Key=a,Value=b');
    const { User } = await aws('get-user', '--user-name', 'cli');
    assert.deepEqual(User.Tags, [{ Key: 'a', Value: 'b' }]);
    const document = reading('*');
    const { Policy } = await aws('create-policy', '--policy-name', 'cli', '--policy-document', document);
    await aws('attach-user-policy', '--user-name', 'cli', '--policy-arn', Policy.Arn);
    await aws('put-user-policy', '--user-name', 'cli', '--policy-name', 'own', '--policy-document', document);
    const { PolicyDocument } = await aws('get-user-policy', '--user-name', 'cli', '--policy-name', 'own');
    assert.deepEqual(PolicyDocument, JSON.parse(document));
    await aws('create-role', '--role-name', 'cli', '--assume-role-policy-document', TRUST);
    const { Role } = await aws('get-role', '--role-name', 'cli');
    assert.deepEqual(Role.AssumeRolePolicyDocument, JSON.parse(TRUST));
    const listed = await aws('list-users', '--page-size', '3');
    assert.ok(listed.Users.some(({ UserName }: { UserName: string }) => UserName === 'cli'));
    await assert.rejects(aws('delete-user', '--user-name', 'cli'), /DeleteConflict/);
    await aws('delete-user-policy', '--user-name', 'cli', '--policy-name', 'own');
    await aws('detach-user-policy', '--user-name', 'cli', '--policy-arn', Policy.Arn);
    await aws('delete-user', '--user-name', 'cli');
    await aws('delete-policy', '--policy-arn', Policy.Arn);
    await aws('delete-role', '--role-name', 'cli');
    await assert.rejects(aws('get-role', '--role-name', 'cli'), /NoSuchEntity.*The role with name cli cannot be found/);
  });
});

test('a server of another region takes what clients sign for that region, or for us-east-1 as AWS has IAM', async (context) => {
  const dataFolder = join(folder, 'elsewhere');
  const environment = { REKEY_REGION: 'eu-central-1' };
  const elsewhere = await startServer({ dataFolder, environment, test: { after: (fn) => context.after(fn) } });
  for (const region of ['eu-central-1', 'us-east-1']) {
    const client = new IAMClient({ ...rootConfiguration(), endpoint: elsewhere.endpoint, region });
    assert.deepEqual((await client.send(new ListUsersCommand({}))).Users, []);
    client.destroy();
  }
  const client = new IAMClient({ ...rootConfiguration(), endpoint: elsewhere.endpoint, region: 'eu-west-3' });
  await assert.rejects(client.send(new ListUsersCommand({})), { name: 'SignatureDoesNotMatch' });
  client.destroy();
});
