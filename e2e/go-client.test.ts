import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { join } from 'node:path';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import { rootClient } from './support/clients.ts';
import { createUser } from './support/iam.ts';
import { callIam } from './support/iam-call.ts';
import { run } from './support/running.ts';
import {
  clientEnvironment,
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  startServer,
  temporaryFolder,
} from './support/server.ts';

const SOURCE = fileURLToPath(new URL('./support/go-client', import.meta.url));
const installed = spawnSync('go', ['version'], { stdio: 'ignore' }).status === 0;
const skip = installed ? false : 'Go is not installed';
const ARN = 'arn:aws:iam::000000000000';

test("AWS's SDK for Go reads, pages, gets typed errors and assumes roles", { skip }, async (context) => {
  const folder = await temporaryFolder(context);
  const program = join(folder, 'client');
  const built = await run('go', ['build', '-C', SOURCE, '-mod=readonly', '-o', program, '.'], {
    environment: { PATH: process.env.PATH ?? '', HOME: process.env.HOME ?? folder },
  });
  if (built.code !== 0 && /proxy|dial tcp|lookup|connection refused|toolchain/.test(built.err))
    return context.skip("the SDK's modules, or a Go that can build them, could not be had");
  assert.equal(built.code, 0, built.err);

  const server = await startServer({ dataFolder: join(folder, 'data'), test: context });
  await rootClient(server.endpoint).call('CreateSecret', { Name: 'known', SecretString: 'the value' });
  const mayAll = { Effect: 'Allow', Action: ['secretsmanager:*', 'sts:*'], Resource: '*' };
  const keys = await createUser(server.endpoint, 'gopher', [mayAll]);
  const trust = { Effect: 'Allow', Principal: { AWS: `${ARN}:user/gopher` }, Action: 'sts:AssumeRole' };
  const root = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };
  const documentOf = (statement: object) => JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
  await callIam(server.endpoint, root, 'CreateRole', { RoleName: 'r', AssumeRolePolicyDocument: documentOf(trust) });
  const PolicyDocument = documentOf({ ...mayAll, Action: 'secretsmanager:GetSecretValue' });
  await callIam(server.endpoint, root, 'PutRolePolicy', { RoleName: 'r', PolicyName: 'read', PolicyDocument });

  const environment = {
    ...clientEnvironment(server.endpoint),
    HOME: folder,
    AWS_ACCESS_KEY_ID: keys.accessKeyId,
    AWS_SECRET_ACCESS_KEY: keys.secretAccessKey,
    AWS_EC2_METADATA_DISABLED: 'true',
  };
  const { code, out, err } = await run(program, ['known', 'the value', `${ARN}:role/r`], { environment });
  assert.equal(code, 0, out + err);
  assert.match(out, /^checks: 8$/m, out);
  assert.equal(await server.stop(), 0);
});
