import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { CreateSecretCommand, GetSecretValueCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import {
  AssumeRoleCommand,
  AssumeRoleWithWebIdentityCommand,
  ExpiredTokenException,
  GetAccessKeyInfoCommand,
  GetCallerIdentityCommand,
  GetSessionTokenCommand,
  IDPCommunicationErrorException,
  InvalidIdentityTokenException,
  MalformedPolicyDocumentException,
  STSClient,
} from '@aws-sdk/client-sts';
import { callIam } from './support/iam-call.ts';
import { makeKey, signToken, startIssuer, type TestIssuer } from './support/issuer.ts';
import { run } from './support/running.ts';
import {
  clientEnvironment,
  REKEY,
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  startServer,
  type TestServer,
  temporaryFolder,
} from './support/server.ts';

const AWS = '/usr/bin/aws';
const ACCOUNT = '000000000000';
const SUBJECT = 'system:serviceaccount:shop:api';
const region = 'us-east-1';

interface Keys {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken?: string;
}

const ROOT_KEYS: Keys = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };

describe('AWS STS clients against a rekey server', { concurrency: 1 }, () => {
  let server: TestServer;
  let issuer: TestIssuer;
  let folder: string;
  let ada: Keys;
  const clients: { destroy(): void }[] = [];
  const cleanups: (() => Promise<void>)[] = [];
  const suite = { after: (fn: () => Promise<void>) => cleanups.push(fn) };

  before(async () => {
    folder = await temporaryFolder(suite);
    issuer = await startIssuer({ path: '/realms/shop' });
    const [config, ca] = [join(folder, 'rekey.yaml'), join(folder, 'ca.pem')];
    await writeFile(ca, issuer.certificate);
    await writeFile(config, `issuers:\n  - url: ${issuer.url}\n    caFile: ${ca}\n`);
    server = await startServer({
      dataFolder: join(folder, 'data'),
      words: ['--config', config],
      environment: { REKEY_ALLOW_PRIVATE_ISSUERS: '1' },
    });
    await populate();
  });
  after(async () => {
    for (const client of clients) client.destroy();
    await issuer.stop();
    assert.equal(await server.stop(), 0);
    for (const cleanup of cleanups) await cleanup();
  });

  /** A secret, a user, and roles that trust the user and the issuer. */
  async function populate(): Promise<void> {
    const iam = (action: string, parameters: Readonly<Record<string, string>>) =>
      callIam(server.endpoint, ROOT_KEYS, action, parameters);
    await secretsAs(ROOT_KEYS).send(new CreateSecretCommand({ Name: 'shop/db', SecretString: 'the value' }));
    await iam('CreateUser', { UserName: 'ada' });
    const made = await iam('CreateAccessKey', { UserName: 'ada' });
    ada = { accessKeyId: made('AccessKeyId'), secretAccessKey: made('SecretAccessKey') };
    const host = issuer.url.replace('https://', '');
    await iam('CreateOpenIDConnectProvider', { Url: issuer.url, 'ClientIDList.member.1': 'sts.amazonaws.com' });
    const trusts = {
      reader: {
        Effect: 'Allow',
        Principal: { AWS: `arn:aws:iam::${ACCOUNT}:user/ada` },
        Action: ['sts:AssumeRole', 'sts:TagSession'],
      },
      pod: {
        Effect: 'Allow',
        Principal: { Federated: `arn:aws:iam::${ACCOUNT}:oidc-provider/${host}` },
        Action: 'sts:AssumeRoleWithWebIdentity',
        Condition: { StringEquals: { [`${host}:sub`]: SUBJECT, [`${host}:aud`]: 'sts.amazonaws.com' } },
      },
    };
    const reading = { Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: '*' };
    for (const [RoleName, statement] of Object.entries(trusts)) {
      await iam('CreateRole', { RoleName, AssumeRolePolicyDocument: documentOf(statement) });
      await iam('PutRolePolicy', { RoleName, PolicyName: 'read', PolicyDocument: documentOf(reading) });
    }
  }

  function stsAs(credentials: Keys): STSClient {
    return kept(new STSClient({ endpoint: server.endpoint, region, credentials, maxAttempts: 1 }));
  }

  function secretsAs(credentials: Keys): SecretsManagerClient {
    return kept(new SecretsManagerClient({ endpoint: server.endpoint, region, credentials, maxAttempts: 1 }));
  }

  function kept<T extends { destroy(): void }>(client: T): T {
    clients.push(client);
    return client;
  }

  const roleArn = (name: string) => `arn:aws:iam::${ACCOUNT}:role/${name}`;
  const byToken = (WebIdentityToken: string, name = 'pod') =>
    stsAs(ROOT_KEYS).send(
      new AssumeRoleWithWebIdentityCommand({ RoleArn: roleArn(name), RoleSessionName: 'pod-1', WebIdentityToken }),
    );

  test('tell who root and a user are', async () => {
    const root = await stsAs(ROOT_KEYS).send(new GetCallerIdentityCommand({}));
    assert.deepEqual([root.Arn, root.UserId, root.Account], [`arn:aws:iam::${ACCOUNT}:root`, ACCOUNT, ACCOUNT]);
    const user = await stsAs(ada).send(new GetCallerIdentityCommand({}));
    assert.equal(user.Arn, `arn:aws:iam::${ACCOUNT}:user/ada`);
    const info = await stsAs(ROOT_KEYS).send(new GetAccessKeyInfoCommand({ AccessKeyId: ada.accessKeyId }));
    assert.equal(info.Account, ACCOUNT);
  });

  test('assume a role and read a secret with what it may, and with a session policy less', async () => {
    const assumed = await stsAs(ada).send(
      new AssumeRoleCommand({ RoleArn: roleArn('reader'), RoleSessionName: 'ada', DurationSeconds: 900 }),
    );
    assert.ok((assumed.Credentials?.Expiration?.getTime() ?? 0) <= Date.now() + 900_000);
    const session = keysOf(assumed.Credentials);
    const identity = await stsAs(session).send(new GetCallerIdentityCommand({}));
    assert.equal(identity.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/reader/ada`);
    assert.equal(identity.UserId, assumed.AssumedRoleUser?.AssumedRoleId);
    const read = new GetSecretValueCommand({ SecretId: 'shop/db' });
    assert.equal((await secretsAs(session).send(read)).SecretString, 'the value');
    await assert.rejects(secretsAs(ada).send(read), named('AccessDeniedException'));
    const narrowed = await stsAs(ada).send(
      new AssumeRoleCommand({
        RoleArn: roleArn('reader'),
        RoleSessionName: 'ada',
        Policy: documentOf({ Effect: 'Allow', Action: 'secretsmanager:ListSecrets', Resource: '*' }),
        Tags: [{ Key: 'team', Value: 'shop' }],
      }),
    );
    assert.ok((narrowed.PackedPolicySize ?? 0) > 0);
    await assert.rejects(secretsAs(keysOf(narrowed.Credentials)).send(read), named('AccessDeniedException'));
  });

  test('are refused by typed exceptions', async () => {
    const assume = (input: object, keys = ada) =>
      stsAs(keys).send(new AssumeRoleCommand({ RoleArn: roleArn('reader'), RoleSessionName: 'ada', ...input }));
    await assert.rejects(assume({}, ROOT_KEYS), named('AccessDenied'));
    await assert.rejects(assume({ RoleArn: roleArn('absent') }), named('AccessDenied'));
    await assert.rejects(assume({ DurationSeconds: 43_200 }), named('ValidationError'));
    await assert.rejects(assume({ Policy: '{}' }), MalformedPolicyDocumentException);
    await assert.rejects(assume({}, { ...ada, secretAccessKey: 'x' }), named('SignatureDoesNotMatch'));
    const session = keysOf((await assume({})).Credentials);
    await assert.rejects(assume({}, { ...session, sessionToken: 'x' }), named('InvalidClientTokenId'));
  });

  test('get a session of the user himself, for whom it is worth what the user is', async () => {
    const { Credentials } = await stsAs(ada).send(new GetSessionTokenCommand({ DurationSeconds: 900 }));
    const session = keysOf(Credentials);
    const identity = await stsAs(session).send(new GetCallerIdentityCommand({}));
    assert.equal(identity.Arn, `arn:aws:iam::${ACCOUNT}:user/ada`);
    await assert.rejects(stsAs(session).send(new GetSessionTokenCommand({})), named('AccessDenied'));
  });

  test('assume a role by web identity, and are refused by typed exceptions', async () => {
    const assumed = await byToken(issuer.token());
    assert.equal(assumed.SubjectFromWebIdentityToken, SUBJECT);
    assert.equal(assumed.Audience, 'sts.amazonaws.com');
    const read = new GetSecretValueCommand({ SecretId: 'shop/db' });
    assert.equal((await secretsAs(keysOf(assumed.Credentials)).send(read)).SecretString, 'the value');
    await assert.rejects(byToken(issuer.token({ aud: 'elsewhere' })), InvalidIdentityTokenException);
    await assert.rejects(byToken(issuer.token({ exp: 1 })), ExpiredTokenException);
    await assert.rejects(byToken(issuer.token({ sub: 'system:serviceaccount:evil:api' })), named('AccessDenied'));
    await assert.rejects(byToken(issuer.token(), 'reader'), named('AccessDenied'));
    const forged = signToken(makeKey('first'), { iss: issuer.url, sub: SUBJECT, aud: 'sts.amazonaws.com' });
    await assert.rejects(byToken(forged), InvalidIdentityTokenException);
    await assert.rejects(byToken(issuer.token({ iss: 'https://evil.example' })), InvalidIdentityTokenException);
  });

  test('find their credentials by themselves from AWS_WEB_IDENTITY_TOKEN_FILE and AWS_ROLE_ARN', async () => {
    const tokenFile = join(folder, 'token');
    await writeFile(tokenFile, issuer.token());
    const script = `
      import { SecretsManagerClient, GetSecretValueCommand } from '@aws-sdk/client-secrets-manager';
      const client = new SecretsManagerClient({});
      console.log((await client.send(new GetSecretValueCommand({ SecretId: 'shop/db' }))).SecretString);`;
    const { code, out, err } = await run(process.execPath, ['--input-type=module', '--eval', script], {
      environment: webIdentityEnvironment(tokenFile),
    });
    assert.equal(code, 0, err);
    assert.equal(out.trim(), 'the value');
  });

  const skip = existsSync(AWS) ? false : 'the aws command is not installed: on Debian run `apt-get install awscli`';
  test('include the aws command, with keys of its own and with web identity', { skip }, async () => {
    const aws = async (environment: Readonly<Record<string, string>>, ...words: string[]) => {
      const where = ['--endpoint-url', server.endpoint, '--output', 'json', '--no-cli-pager'];
      const { code, out, err } = await run(AWS, [...words, ...where], { environment });
      assert.equal(code, 0, err);
      return JSON.parse(out) as Record<string, Record<string, string>>;
    };
    const asAda = { ...machine(), AWS_ACCESS_KEY_ID: ada.accessKeyId, AWS_SECRET_ACCESS_KEY: ada.secretAccessKey };
    const identity = await aws(asAda, 'sts', 'get-caller-identity');
    assert.equal(identity.Arn, `arn:aws:iam::${ACCOUNT}:user/ada`);
    const role = ['--role-arn', roleArn('reader'), '--role-session-name', 'cli'];
    const assumed = await aws(asAda, 'sts', 'assume-role', ...role);
    assert.match(assumed.Credentials?.AccessKeyId ?? '', /^ASIA/);
    const session = {
      ...machine(),
      AWS_ACCESS_KEY_ID: assumed.Credentials?.AccessKeyId ?? '',
      AWS_SECRET_ACCESS_KEY: assumed.Credentials?.SecretAccessKey ?? '',
      AWS_SESSION_TOKEN: assumed.Credentials?.SessionToken ?? '',
    };
    const read = await aws(session, 'secretsmanager', 'get-secret-value', '--secret-id', 'shop/db');
    assert.equal(read.SecretString, 'the value');
    const token = ['--web-identity-token', issuer.token()];
    const pod = ['--role-arn', roleArn('pod'), '--role-session-name', 'cli'];
    const byWeb = await aws(machine(), 'sts', 'assume-role-with-web-identity', ...pod, ...token);
    assert.equal(byWeb.AssumedRoleUser?.Arn, `arn:aws:sts::${ACCOUNT}:assumed-role/pod/cli`);
  });

  test('lose their sessions when a person revokes them, and get new ones', async () => {
    const assume = async () => keysOf((await byToken(issuer.token())).Credentials);
    const read = new GetSecretValueCommand({ SecretId: 'shop/db' });
    const before = await assume();
    await secretsAs(before).send(read);
    const { code, err } = await run(process.execPath, [REKEY, 'role', 'revoke-sessions', 'pod'], {
      environment: { ...machine(), ...clientEnvironment(server.endpoint) },
    });
    assert.equal(code, 0, err);
    await assert.rejects(secretsAs(before).send(read), named('AccessDeniedException'));
    assert.equal((await secretsAs(await assume()).send(read)).SecretString, 'the value');
  });

  test('are told when the issuer does not answer', async () => {
    const other = await startServer({
      dataFolder: join(folder, 'other'),
      environment: { REKEY_ALLOW_HTTP_ISSUERS: '1', REKEY_ALLOW_PRIVATE_ISSUERS: '1' },
    });
    try {
      const plain = await startIssuer({ tls: false });
      await callIam(other.endpoint, ROOT_KEYS, 'CreateOpenIDConnectProvider', {
        Url: plain.url,
        'ClientIDList.member.1': 'sts.amazonaws.com',
      });
      const token = plain.token();
      await plain.stop();
      const client = kept(new STSClient({ endpoint: other.endpoint, region, credentials: ROOT_KEYS, maxAttempts: 1 }));
      const command = new AssumeRoleWithWebIdentityCommand({
        RoleArn: roleArn('pod'),
        RoleSessionName: 'pod-1',
        WebIdentityToken: token,
      });
      await assert.rejects(client.send(command), IDPCommunicationErrorException);
    } finally {
      assert.equal(await other.stop(), 0);
    }
  });

  /** As a pod of a cluster has it. */
  function webIdentityEnvironment(tokenFile: string): Record<string, string> {
    return {
      ...machine(),
      AWS_WEB_IDENTITY_TOKEN_FILE: tokenFile,
      AWS_ROLE_ARN: roleArn('pod'),
      AWS_ENDPOINT_URL: server.endpoint,
    };
  }
});

/** The machine's own AWS settings must not leak into a test. */
function machine(): Record<string, string> {
  return {
    PATH: '/usr/bin:/bin',
    HOME: tmpdir(),
    AWS_REGION: region,
    AWS_DEFAULT_REGION: region,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
}

function documentOf(statement: object): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
}

function keysOf(
  credentials:
    | { AccessKeyId?: string | undefined; SecretAccessKey?: string | undefined; SessionToken?: string | undefined }
    | undefined,
): Keys {
  const { AccessKeyId, SecretAccessKey, SessionToken } = credentials ?? {};
  assert.ok(AccessKeyId && SecretAccessKey && SessionToken);
  return { accessKeyId: AccessKeyId, secretAccessKey: SecretAccessKey, sessionToken: SessionToken };
}

function named(name: string): (error: Error) => boolean {
  return (error) => {
    assert.equal(error.name, name, error.message);
    return true;
  };
}
