import assert from 'node:assert/strict';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { assertSentence } from './support/sentences.ts';
import { runRekey, startServer, temporaryFolder } from './support/server.ts';

const DECLARED = `
# The server's own settings may stand beside what is declared.
logLevel: info
policies:
  read-shop:
    document:
      Version: 2012-10-17
      Statement:
        - {Effect: Allow, Action: secretsmanager:GetSecretValue, Resource: 'arn:aws:secretsmanager:*:*:secret:shop/*'}
groups:
  developers:
    attached: [read-shop]
users:
  shop-app:
    groups: [developers]
    boundary: read-shop
    tags: {team: shop}
  second:
roles:
  job:
    trust:
      Version: 2012-10-17
      Statement:
        - {Effect: Allow, Principal: {AWS: 'arn:aws:iam::000000000000:user/shop-app'}, Action: sts:AssumeRole}
    maxSession: 2h
providers:
  https://issuer.example.com: {clientIds: [rekey]}
secrets:
  shop/db: {rotator: random-value, every: 12h, overlap: 10m}
`;

/** A server that was started with the declaration as its configuration, and the command that speaks to it. */
async function withDeclaration(context: TestContext) {
  const folder = await temporaryFolder(context);
  const [dataFolder, file] = [join(folder, 'data'), join(folder, 'rekey.yaml')];
  await writeFile(file, DECLARED);
  await startServer({ dataFolder, test: context, words: ['--config', file] });
  const rekey = (...words: string[]) => runRekey([...words, '--data', dataFolder]);
  const declare = (...words: string[]) => rekey(...words, '--file', file);
  const stored = await runRekey(['secret', 'put', 'shop/db', '--data', dataFolder], { input: 'the value' });
  assert.equal(stored.code, 0, stored.err);
  return { file, rekey, declare };
}

describe('rekey plan and rekey apply', { concurrency: 2 }, () => {
  test('show the difference, make it so, and have nothing to do the second time', async (context) => {
    const { declare, rekey } = await withDeclaration(context);
    const planned = await declare('plan');
    assert.equal(planned.code, 0, planned.err);
    for (const line of [
      '+ policy read-shop',
      '+ user shop-app',
      '    + groups developers',
      '    + boundary: arn:aws:iam::000000000000:policy/read-shop',
      '    + rule: every 12h',
      '    + overlap: 10m',
      '7 differences: 6 to create, 1 to change.',
    ])
      assert.ok(planned.out.split('\n').includes(line), `${line} is not in:\n${planned.out}`);
    assert.deepEqual((await declare('plan')).out, planned.out);
    const applied = await declare('apply', '--yes');
    assert.deepEqual([applied.code, applied.out], [0, 'Applied.\n'], applied.err);
    assert.equal(applied.err, planned.out);
    const again = await declare('apply', '--json');
    assert.deepEqual([again.code, JSON.parse(again.out).applied, JSON.parse(again.out).changes], [0, false, []]);
    const words = ['arn:aws:iam::000000000000:user/shop-app', 'secretsmanager:GetSecretValue', 'shop/db'];
    assert.match((await rekey('policy', 'simulate', ...words)).out, /shop-app may perform/);
    assert.match((await rekey('rotation', 'show', 'shop/db')).out, /12h/);
  });

  test('delete only with --prune, and show what they change', async (context) => {
    const { file, declare } = await withDeclaration(context);
    assert.equal((await declare('apply')).code, 0);
    await writeFile(file, DECLARED.replace('  second:\n', '').replace('team: shop', 'team: web'));
    assert.equal(
      (await declare('plan')).out,
      '~ user shop-app\n    ~ tags team: shop → web\n\n1 difference: 1 to change.\n',
    );
    const pruned = await declare('apply', '--prune', '--json');
    const { changes } = JSON.parse(pruned.out) as { changes: { action: string; name: string }[] };
    assert.deepEqual(
      changes.map(({ action, name }) => `${action} ${name}`),
      ['change shop-app', 'delete second'],
    );
    assert.match((await declare('plan', '--prune')).out, /^Nothing to change/);
  });

  test('refuse a declaration that cannot be meant with one sentence, and apply nothing of one that cannot be', async (context) => {
    const { file, declare } = await withDeclaration(context);
    for (const [text, said] of [
      ['user: {}', /rekey\.yaml: Unrecognized key: "user"\.$/m],
      ['logLevel: info', /declares nothing/],
      ['users: {a: {group: []}}', /users\.a/],
      ['users: [', /not YAML/],
      ['users: &all {a: {tags: *all}}', /alias within what it stands for/],
      ['users: {__proto__: {tags: {a: b}}}', /"__proto__"; take another name/],
      ['users: {a b: {}}', /users\.a b: is no name of 1 to 64 letters, digits and _\+=,\.@-\.$/m],
      ['roles: {a: {trust: {}, maxSession: 13h}}', /between 1h and 12h\.$/m],
    ] as const) {
      await writeFile(file, text);
      const refused = await declare('apply');
      assert.equal(refused.out, '');
      assertSentence(refused, 2, said);
    }
    await writeFile(file, 'users: {fine: {}}\nsecrets: {none: {rotator: random-value}}');
    assertSentence(await declare('apply'), 1, /There is no secret "none"/);
    await writeFile(file, 'users: {fine: {}}');
    assert.match((await declare('plan')).out, /^\+ user fine/);
  });
});
