import assert from 'node:assert/strict';
import { tmpdir } from 'node:os';
import { test } from 'node:test';
import { run } from './support/running.ts';
import { startServer } from './support/server.ts';

/** As somebody writes it who has read no further than the settings: nothing in it says where the server is. */
const PROGRAM = `
import { IAMClient, ListUsersCommand } from '@aws-sdk/client-iam';
import { CreateSecretCommand, SecretsManagerClient } from '@aws-sdk/client-secrets-manager';
import { GetCallerIdentityCommand, STSClient } from '@aws-sdk/client-sts';
const once = { maxAttempts: 1 };
const { Name } = await new SecretsManagerClient(once).send(new CreateSecretCommand({ Name: 'app' }));
const { Account } = await new STSClient(once).send(new GetCallerIdentityCommand({}));
const { Users } = await new IAMClient(once).send(new ListUsersCommand({}));
console.log(JSON.stringify({ Name, Account, Users }));
`;

test('what serve --dev prints leads every AWS client to it, and none of them to AWS', async (context) => {
  const server = await startServer({ dataFolder: null, test: context });
  const settings = Object.fromEntries(
    [...server.output().matchAll(/^export (\w+)=(\S+)$/gm)].map(([, ...pair]) => pair),
  );
  const environment = { ...settings, HOME: tmpdir(), AWS_EC2_METADATA_DISABLED: 'true' };
  const { out, err } = await run(process.execPath, ['--input-type=module', '--eval', PROGRAM], { environment });
  assert.deepEqual(JSON.parse(out || `"${err}"`), { Name: 'app', Account: '000000000000', Users: [] });
  assert.equal(settings.AWS_DEFAULT_REGION, settings.AWS_REGION, 'boto3 and older tools know the region by this name');
});
