import assert from 'node:assert/strict';
import { join } from 'node:path';
import { test } from 'node:test';
import { signRequest } from '@rekey/client';
import { rootClient, textOf } from './support/clients.ts';
import { Dice, mutateBytes, mutateInput } from './support/mutations.ts';
import { type RawAnswer, sendRaw } from './support/raw-http.ts';
import {
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  runRekey,
  startServer,
  temporaryFolder,
} from './support/server.ts';

const REQUESTS = Number(process.env.REKEY_FUZZ_REQUESTS ?? 10_000);
const SEED = Number(process.env.REKEY_FUZZ_SEED ?? Date.now() % 1_000_000_007);
const AT_ONCE = 8;
/** No error may repeat it. */
const VALUE = 'the-value-that-no-answer-to-damage-repeats';

const POLICY =
  '{"Version":"2012-10-17","Statement":[{"Effect":"Allow","Action":"secretsmanager:Get*","Resource":"*"}]}';

const INPUTS: readonly (readonly [string, Readonly<Record<string, unknown>>])[] = [
  ['CreateSecret', { Name: 'made', SecretString: VALUE, Tags: [{ Key: 'k', Value: 'v' }] }],
  ['GetSecretValue', { SecretId: 'kept', VersionStage: 'AWSCURRENT' }],
  ['BatchGetSecretValue', { SecretIdList: ['kept'] }],
  ['PutSecretValue', { SecretId: 'other', SecretBinary: 'AAEC', VersionStages: ['LABEL'] }],
  ['UpdateSecret', { SecretId: 'other', Description: 'd', SecretString: VALUE }],
  ['DescribeSecret', { SecretId: 'kept' }],
  ['ListSecrets', { MaxResults: 3, Filters: [{ Key: 'name', Values: ['a'] }], SortOrder: 'asc' }],
  ['ListSecretVersionIds', { SecretId: 'kept', MaxResults: 5, IncludeDeprecated: true }],
  ['UpdateSecretVersionStage', { SecretId: 'other', VersionStage: 'X', MoveToVersionId: 'a'.repeat(32) }],
  ['RotateSecret', { SecretId: 'other', RotationRules: { ScheduleExpression: 'rate(10 days)' } }],
  ['CancelRotateSecret', { SecretId: 'other' }],
  ['DeleteSecret', { SecretId: 'made', RecoveryWindowInDays: 7 }],
  ['RestoreSecret', { SecretId: 'made' }],
  ['TagResource', { SecretId: 'other', Tags: [{ Key: 'rekey:overlap', Value: '1h' }] }],
  ['UntagResource', { SecretId: 'other', TagKeys: ['k'] }],
  ['GetRandomPassword', { PasswordLength: 20, ExcludeCharacters: 'abc' }],
];

const QUERY: readonly (readonly [string, string, Readonly<Record<string, string>>])[] = [
  ['iam', 'CreateUser', { UserName: 'made', Path: '/team/', 'Tags.member.1.Key': 'k', 'Tags.member.1.Value': 'v' }],
  ['iam', 'GetUser', { UserName: 'made' }],
  ['iam', 'PutUserPolicy', { UserName: 'made', PolicyName: 'p', PolicyDocument: POLICY }],
  ['iam', 'CreateAccessKey', { UserName: 'made' }],
  ['iam', 'ListUsers', { PathPrefix: '/', MaxItems: '5' }],
  ['iam', 'CreatePolicy', { PolicyName: 'p', PolicyDocument: POLICY }],
  ['iam', 'CreateOpenIDConnectProvider', { Url: 'https://issuer.example', 'ClientIDList.member.1': 'rekey' }],
  ['iam', 'SimulateCustomPolicy', { 'PolicyInputList.member.1': POLICY, 'ActionNames.member.1': 'iam:GetUser' }],
  ['sts', 'GetCallerIdentity', {}],
  ['sts', 'GetSessionToken', { DurationSeconds: '900' }],
  ['sts', 'AssumeRole', { RoleArn: 'arn:aws:iam::000000000000:role/r', RoleSessionName: 's', Policy: POLICY }],
  ['sts', 'AssumeRoleWithWebIdentity', { RoleArn: 'arn:aws:iam::000000000000:role/r', WebIdentityToken: 'a.b.c' }],
];

const NATIVE: readonly (readonly [string, string, Readonly<Record<string, unknown>>])[] = [
  ['GET', '/rekey/status', {}],
  ['GET', '/rekey/secrets/other/rotation', {}],
  ['PUT', '/rekey/secrets/other/rotation', { rotator: 'random-value', every: '30d', overlap: '1h' }],
  ['POST', '/rekey/secrets/other/rotate', {}],
  ['POST', '/rekey/secrets/other/adopt', { rotator: 'random-value' }],
];

test(`${REQUESTS} damaged requests are answered as AWS answers them; none fails inside, none stops the server`, async (context) => {
  context.diagnostic(`again with REKEY_FUZZ_SEED=${SEED}`);
  const dataFolder = join(await temporaryFolder(context), 'data');
  const server = await startServer({ dataFolder, test: context, words: ['--log-level', 'warn'] });
  const client = rootClient(server.endpoint);
  for (const Name of ['kept', 'other']) await client.call('CreateSecret', { Name, SecretString: VALUE });
  const port = Number(new URL(server.endpoint).port);

  const dice = new Dice(SEED);
  const counts = new Map<string, number>();
  let sent = 0;
  const lane = async () => {
    while (sent++ < REQUESTS) {
      const bytes = damaged(dice, new URL(server.endpoint).host);
      const answer = await sendRaw(port, bytes);
      const kind = kindOf(answer);
      if (kind === 'wrong')
        assert.fail(`${answer.headers}\n\n${answer.body}\n\nto\n\n${bytes.toString().slice(0, 2_000)}`);
      counts.set(kind, (counts.get(kind) ?? 0) + 1);
    }
  };
  await Promise.all(Array.from({ length: AT_ONCE }, lane));

  context.diagnostic([...counts].map(([kind, count]) => `${kind}: ${count}`).join(', '));
  assert.equal((await fetch(new URL('/healthz', server.endpoint))).status, 200);
  assert.equal(await textOf(client, 'kept'), VALUE);
  assert.doesNotMatch(server.output(), /"level":50|bug in rekey/, server.output());
  assert.ok(!server.output().includes(VALUE));
  assert.equal(await server.stop(), 0);
  const { code, out, err } = await runRekey(['audit', 'verify', '--data', dataFolder]);
  assert.equal(code, 0, out + err);
});

interface Whole {
  readonly method: string;
  readonly path: string;
  readonly service: string;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: string;
}

/** Half is damaged after it was signed, half is signed damage: who has a key may send anything, too. */
function damaged(dice: Dice, host: string): Buffer {
  const before = dice.below(2) === 0;
  const { method, path, service, headers, body } = dice.pick([native, query, json, json])(dice, before);
  const signed = signRequest(
    { method, path, query: '', headers: { host, ...headers }, body },
    { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY },
    { region: 'us-east-1', service, now: Date.now() },
  );
  const lines = Object.entries({ ...signed, 'content-length': String(Buffer.byteLength(body)) });
  const head = lines.map(([name, value]) => `${name}: ${value}\r\n`).join('');
  const whole = Buffer.from(`${method} ${path} HTTP/1.1\r\n${head}\r\n${body}`);
  return before ? whole : Buffer.from(mutateBytes(whole, dice));
}

function native(dice: Dice, before: boolean): Whole {
  const [method, path, input] = dice.pick(NATIVE);
  const body = before ? mutateInput(input, dice) : JSON.stringify(input);
  return { method, path, service: 'rekey', headers: { 'content-type': 'application/json' }, body };
}

function json(dice: Dice, before: boolean): Whole {
  const [operation, input] = dice.pick(INPUTS);
  const body = before ? mutateInput(input, dice) : JSON.stringify(input);
  const headers = {
    'content-type': 'application/x-amz-json-1.1',
    'x-amz-target': `secretsmanager.${operation}`,
  };
  return { method: 'POST', path: '/', service: 'secretsmanager', headers, body };
}

function query(dice: Dice, before: boolean): Whole {
  const [service, operation, input] = dice.pick(QUERY);
  const plain = new URLSearchParams({ Action: operation, ...input }).toString();
  const body = before ? mutateBytes(Buffer.from(plain), dice) : plain;
  const headers = { 'content-type': 'application/x-www-form-urlencoded' };
  return { method: 'POST', path: '/', service, headers, body: body.toString() };
}

/** What a mutation did not hurt may be answered; what was hurt is refused in words the sender's client can read. */
function kindOf({ status, headers, body }: RawAnswer): string {
  if (status === 0) return 'closed unanswered';
  if (status >= 200 && status < 300) return 'served';
  if (status < 400 || status > 499 || body.includes(VALUE)) return 'wrong';
  if (/^x-amzn-errortype|"__type"/im.test(headers + body)) return "AWS's refusal";
  if (/^<ErrorResponse xmlns="[^"]+"><Error><Type>Sender</.test(body)) return "AWS's refusal in XML";
  if (body.startsWith('{"error":{"code":') || body.startsWith('{"message":')) return "rekey's refusal";
  // Node answers what is no HTTP before anybody could know which protocol was meant: a bare 400 (chunked or not).
  return /^(0\r\n\r\n)?$/.test(body) && /^connection: close$/im.test(headers) ? 'not HTTP' : 'wrong';
}
