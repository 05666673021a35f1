import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { NotPermitted } from './permit.ts';
import { openSts, refusal, trusting } from './sts/sts.testing.ts';
import { openService, ROOT, STRANGER } from './testing.ts';

const ACCOUNT = '000000000000';
const IAM = `arn:aws:iam::${ACCOUNT}:`;
const READ = 'secretsmanager:GetSecretValue';

function policy(Effect: string, more: object = {}): string {
  return JSON.stringify({
    Version: '2012-10-17',
    Statement: [{ Sid: 'One', Effect, Action: READ, Resource: '*', ...more }],
  });
}

async function open() {
  const opened = await openService();
  const { secrets, access, policies } = opened.service;
  await secrets.create(ROOT, { name: 'a', tags: [{ key: 'team', value: 'blue' }] });
  await secrets.create(ROOT, { name: 'closed' });
  await access.users.create(ROOT, { name: 'ana', path: '/', tags: [] });
  const condition = { StringEquals: { 'aws:ResourceTag/team': 'blue' }, IpAddress: { 'aws:SourceIp': '10.0.0.0/8' } };
  const document = policy('Allow', { Condition: condition });
  await access.inline.put(ROOT, 'user', 'ana', { name: 'Read', document });
  await policies.put(ROOT, { secretId: 'closed', text: policy('Deny', { Principal: '*' }), blockPublic: false });
  return opened;
}

describe('a simulation', () => {
  const inside = { 'aws:SourceIp': '10.0.0.9' };
  const ROWS: readonly (readonly [string, string, string, Record<string, string>, boolean, string])[] = [
    ['from inside', `${IAM}user/ana`, 'a', inside, true, 'allowed by the identity-based policy "Read", statement One'],
    ['from outside', `${IAM}user/ana`, 'a', {}, false, 'no identity-based policy allows it'],
    [
      'of another secret',
      `${IAM}user/ana`,
      'closed',
      inside,
      false,
      'denied by the resource-based policy "policy of closed", statement One',
    ],
    ['of a secret that is not there', `${IAM}user/ana`, 'never', inside, false, 'no identity-based policy allows it'],
    ['of root', `${IAM}root`, 'a', {}, true, 'root may do everything'],
    [
      'of root, who is denied',
      `${IAM}root`,
      'closed',
      {},
      false,
      'denied by the resource-based policy "policy of closed", statement One',
    ],
  ];
  for (const [what, principal, secretId, keys, allowed, sentence] of ROWS)
    test(`${what} says what would be decided, and why`, async () => {
      const { service } = await open();
      const answer = await service.simulation.ofSecret(ROOT, { principal, action: READ, secretId, keys });
      assert.deepEqual([answer.allowed, answer.sentence], [allowed, sentence]);
    });

  test('of who assumes a role asks its trust, as it would be asked in earnest', async () => {
    const sts = await openSts();
    const ada = await sts.user('ada');
    const Condition = { StringEquals: { 'sts:ExternalId': 'shop' } };
    const role = await sts.role('shop', { ...trusting({ AWS: ACCOUNT }), Condition });
    const document = policy('Allow', { Action: 'sts:*' });
    await sts.service.access.inline.put(ROOT, 'user', 'ada', { name: 'Assume', document });
    const simulate = async (keys: Record<string, string>, secretId = role.arn, principal = ada.principal.arn) => {
      const wish = { principal, action: 'sts:AssumeRole', secretId, keys };
      const { allowed, sentence } = await sts.service.simulation.ofSecret(ROOT, wish);
      return [allowed, sentence];
    };
    assert.match(await refusal(sts.assume(ada, role)), /^not-permitted/);
    assert.deepEqual(await simulate({}), [false, 'no role trust policy allows it']);
    await sts.assume(ada, role, { externalId: 'shop' });
    const allowed = [true, 'allowed by the identity-based policy "Assume", statement One'];
    assert.deepEqual(await simulate({ 'sts:ExternalId': 'shop' }), allowed);
    assert.deepEqual(await simulate({}, `${role.arn}x`), [false, 'there is no such role']);
    const root = await simulate({ 'sts:ExternalId': 'shop' }, role.arn, ROOT.principal.arn);
    assert.deepEqual(root, [false, 'no role trust policy allows it']);
  });

  test('about a user or role knows its tags', async () => {
    const { service } = await open();
    const tags = [{ key: 'team', value: 'blue' }];
    await service.access.users.create(ROOT, { name: 'bob', path: '/', tags });
    const document = policy('Allow', {
      Action: 'iam:CreateAccessKey',
      Condition: { StringEquals: { 'aws:ResourceTag/team': 'blue' } },
    });
    await service.access.inline.put(ROOT, 'user', 'ana', { name: 'Keys', document });
    for (const [name, allowed] of [
      ['bob', true],
      ['ana', false],
    ] as const) {
      const wish = { principal: `${IAM}user/ana`, action: 'iam:CreateAccessKey', keys: {} };
      const answer = await service.simulation.ofSecret(ROOT, { ...wish, secretId: `${IAM}user/${name}` });
      assert.equal(answer.allowed, allowed, name);
    }
  });

  test('agrees with what then happens, and is on record as a simulation only', async () => {
    const { service, audited } = await open();
    audited.length = 0;
    await service.simulation.ofSecret(ROOT, { principal: `${IAM}user/ana`, action: READ, secretId: 'a', keys: {} });
    assert.deepEqual(
      audited.map(({ action, resource }) => [action, resource]),
      [['iam:SimulatePrincipalPolicy', `${IAM}user/ana`]],
    );
  });

  test('is for those who may simulate; of nobody, or of no action, it is refused', async () => {
    const { service } = await open();
    const wish = { principal: `${IAM}user/ana`, action: READ, secretId: 'a', keys: {} };
    await assert.rejects(service.simulation.ofSecret(STRANGER, wish), NotPermitted);
    const nobody = { ...wish, principal: `${IAM}user/bob` };
    await assert.rejects(service.simulation.ofSecret(ROOT, nobody), { reason: 'principal-unknown' });
    await assert.rejects(service.simulation.ofSecret(ROOT, { ...wish, action: 'read' }), {
      reason: 'action-malformed',
    });
  });
});
