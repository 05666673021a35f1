import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { run } from './support/running.ts';
import { clientEnvironment, startServer, type TestServer, temporaryFolder } from './support/server.ts';
import { until } from './support/until.ts';

const AWS = '/usr/bin/aws';
const skip = existsSync(AWS) ? false : 'the aws command is not installed: on Debian run `apt-get install awscli`';

describe('the aws command against a rekey server', { skip, concurrency: 2 }, () => {
  let server: TestServer;
  const folders: (() => Promise<void>)[] = [];
  const suite = { after: (fn: () => Promise<void>) => folders.push(fn) };

  before(async () => {
    server = await startServer({ dataFolder: join(await temporaryFolder(suite), 'data') });
  });
  after(async () => {
    assert.equal(await server.stop(), 0);
    for (const remove of folders) await remove();
  });

  /** Every answer is JSON, as the command prints it with `--output json`. */
  async function aws(operation: string, ...words: string[]): Promise<Record<string, unknown>> {
    const { code, out, err } = await call(operation, ...words);
    assert.equal(code, 0, `${operation}: ${err}`);
    return out === '' ? {} : (JSON.parse(out) as Record<string, unknown>);
  }

  function call(operation: string, ...words: string[]) {
    const environment = {
      ...clientEnvironment(server.endpoint),
      PATH: '/usr/bin:/bin',
      HOME: tmpdir(),
      AWS_EC2_METADATA_DISABLED: 'true',
    };
    const where = [
      'secretsmanager',
      operation,
      '--endpoint-url',
      server.endpoint,
      '--output',
      'json',
      '--no-cli-pager',
    ];
    return run(AWS, [...where, ...words], { environment });
  }

  test('creates, reads, changes and lists', async () => {
    const tags = ['--tags', 'Key=team,Value=shop', 'Key=stage,Value=test'];
    const created = await aws('create-secret', '--name', 'cli/one', '--secret-string', 'first', ...tags);
    assert.match(String(created.ARN), /:secret:cli\/one-[A-Za-z0-9]{6}$/);
    assert.equal((await aws('get-secret-value', '--secret-id', 'cli/one')).SecretString, 'first');
    const put = await aws('put-secret-value', '--secret-id', String(created.ARN), '--secret-string', 'second');
    assert.deepEqual(put.VersionStages, ['AWSCURRENT']);
    await aws('update-secret', '--secret-id', 'cli/one', '--description', 'of the shop');
    const previous = await aws('get-secret-value', '--secret-id', 'cli/one', '--version-stage', 'AWSPREVIOUS');
    assert.equal(previous.SecretString, 'first');
    const described = await aws('describe-secret', '--secret-id', 'cli/one');
    assert.equal(described.Description, 'of the shop');
    const versions = await aws('list-secret-version-ids', '--secret-id', 'cli/one');
    assert.equal((versions.Versions as unknown[]).length, 2);
    const listed = await aws('list-secrets', '--filters', 'Key=tag-value,Values=shop');
    assert.deepEqual(
      (listed.SecretList as { Name: string }[]).map(({ Name }) => Name),
      ['cli/one'],
    );
  });

  test('takes bytes from a file and gives the same bytes back', async (context) => {
    const file = join(await temporaryFolder(context), 'bytes');
    const bytes = Buffer.from(Array.from({ length: 256 }, (_, at) => at));
    await writeFile(file, bytes);
    await aws('create-secret', '--name', 'cli/bytes', '--secret-binary', `fileb://${file}`);
    const read = await aws('get-secret-value', '--secret-id', 'cli/bytes');
    assert.deepEqual(Buffer.from(String(read.SecretBinary), 'base64'), bytes);
  });

  test('pages by itself', async () => {
    for (const at of [1, 2, 3]) await aws('create-secret', '--name', `cli-page/${at}`, '--secret-string', 'x');
    const filter = ['--filters', 'Key=name,Values=cli-page/'];
    const all = await aws('list-secrets', ...filter, '--page-size', '2');
    assert.equal((all.SecretList as unknown[]).length, 3);
    const batch = await aws('batch-get-secret-value', '--secret-id-list', 'cli-page/1', 'cli-page/none').catch(
      (error: Error) => error,
    );
    // Debian's command is older than the operation; newer ones know it.
    if (!(batch instanceof Error)) assert.equal((batch.SecretValues as unknown[]).length, 1);
    else assert.match(batch.message, /Invalid choice|invalid choice/);
  });

  test('moves labels and tags', async () => {
    const first = await aws('create-secret', '--name', 'cli/labels', '--secret-string', 'a');
    const second = await aws('put-secret-value', '--secret-id', 'cli/labels', '--secret-string', 'b');
    await aws(
      ...(['update-secret-version-stage', '--secret-id', 'cli/labels', '--version-stage', 'AWSCURRENT'] as const),
      ...['--move-to-version-id', String(first.VersionId), '--remove-from-version-id', String(second.VersionId)],
    );
    assert.equal((await aws('get-secret-value', '--secret-id', 'cli/labels')).SecretString, 'a');
    await aws('tag-resource', '--secret-id', 'cli/labels', '--tags', 'Key=k,Value=v');
    assert.deepEqual((await aws('describe-secret', '--secret-id', 'cli/labels')).Tags, [{ Key: 'k', Value: 'v' }]);
    await aws('untag-resource', '--secret-id', 'cli/labels', '--tag-keys', 'k');
    assert.deepEqual((await aws('describe-secret', '--secret-id', 'cli/labels')).Tags ?? [], []);
  });

  test('deletes, restores and deletes for good', async () => {
    await aws('create-secret', '--name', 'cli/gone', '--secret-string', 'a');
    const deleted = await aws('delete-secret', '--secret-id', 'cli/gone', '--recovery-window-in-days', '7');
    assert.ok(deleted.DeletionDate);
    const refused = await call('get-secret-value', '--secret-id', 'cli/gone');
    assert.notEqual(refused.code, 0);
    assert.match(refused.err, /InvalidRequestException.*marked for deletion/);
    await aws('restore-secret', '--secret-id', 'cli/gone');
    await aws('delete-secret', '--secret-id', 'cli/gone', '--force-delete-without-recovery');
    const missing = await call('get-secret-value', '--secret-id', 'cli/gone');
    assert.match(missing.err, /ResourceNotFoundException/);
  });

  test('rotates, looks whether it is done, and switches rotation off', async () => {
    await aws('create-secret', '--name', 'cli/rotated', '--secret-string', 'old');
    const arn = 'arn:aws:lambda:us-east-1:000000000000:function:rekey-random-value';
    const rules = ['--rotation-lambda-arn', arn, '--rotation-rules', 'AutomaticallyAfterDays=30'];
    const begun = await aws('rotate-secret', '--secret-id', 'cli/rotated', ...rules);
    const rotated = await until(async () => {
      const read = await aws('get-secret-value', '--secret-id', 'cli/rotated');
      return read.VersionId === begun.VersionId ? read : null;
    });
    assert.notEqual(rotated.SecretString, 'old');
    assert.equal((await aws('describe-secret', '--secret-id', 'cli/rotated')).RotationEnabled, true);
    await aws('cancel-rotate-secret', '--secret-id', 'cli/rotated');
    assert.equal((await aws('describe-secret', '--secret-id', 'cli/rotated')).RotationEnabled, false);
  });

  test('makes random passwords', async () => {
    const made = await aws('get-random-password', '--password-length', '24', '--exclude-punctuation');
    assert.match(String(made.RandomPassword), /^[A-Za-z0-9]{24}$/);
  });
});
