import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, readPolicyOf } from './testing.ts';

const GET = 'secretsmanager:GetSecretValue';
const SECRET = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:app-AbCdEf';

async function openWithAlice() {
  const opened = await openFace();
  await opened.call('CreateUser', { UserName: 'alice', Tags: [{ Key: 'team', Value: 'blue' }] });
  const { Policy } = await opened.call('CreatePolicy', { PolicyName: 'read', PolicyDocument: readPolicyOf('app') });
  await opened.call('CreateGroup', { GroupName: 'team' });
  await opened.call('AddUserToGroup', { GroupName: 'team', UserName: 'alice' });
  await opened.call('AttachGroupPolicy', { GroupName: 'team', PolicyArn: Policy.Arn });
  return { ...opened, source: { PolicySourceArn: 'arn:aws:iam::000000000000:user/alice' } };
}

describe('simulations', () => {
  test('tell for each action and resource what would be decided, and by which policy', async () => {
    const { call, source } = await openWithAlice();
    const asked = { ActionNames: [GET, 'secretsmanager:PutSecretValue'], ResourceArns: [SECRET, `${SECRET}x`] };
    const { EvaluationResults } = await call('SimulatePrincipalPolicy', { ...source, ...asked });
    assert.deepEqual(
      EvaluationResults.map((result: Record<string, string>) => [
        result.EvalActionName,
        result.EvalResourceName,
        result.EvalDecision,
      ]),
      [
        [GET, SECRET, 'allowed'],
        [GET, `${SECRET}x`, 'implicitDeny'],
        ['secretsmanager:PutSecretValue', SECRET, 'implicitDeny'],
        ['secretsmanager:PutSecretValue', `${SECRET}x`, 'implicitDeny'],
      ],
    );
    assert.deepEqual(EvaluationResults[0].MatchedStatements, [
      { SourcePolicyId: 'group team: read', SourcePolicyType: 'user-managed' },
    ]);
  });

  test('of many actions on many resources come page by page, by MaxItems and Marker, a hundred unless told', async () => {
    const { call, refusal, source } = await openWithAlice();
    const ResourceArns = Array.from({ length: 30 }, (_, at) => `${SECRET.slice(0, -2)}${10 + at}`);
    const asked = { ...source, ActionNames: ['a:A', 'b:B', GET, 'c:C', 'd:D'], ResourceArns };
    const first = await call('SimulatePrincipalPolicy', asked);
    const second = await call('SimulatePrincipalPolicy', { ...asked, Marker: first.Marker });
    assert.deepEqual([first.IsTruncated, second.IsTruncated, second.Marker], ['true', 'false', undefined]);
    const results = [...first.EvaluationResults, ...second.EvaluationResults];
    assert.deepEqual([first.EvaluationResults.length, results.length], [100, 150]);
    const told = results.map(({ EvalActionName, EvalResourceName }) => `${EvalActionName} ${EvalResourceName}`);
    assert.equal(new Set(told).size, 150);
    assert.equal(results.filter(({ EvalDecision }) => EvalDecision === 'allowed').length, 30);
    const { EvaluationResults } = await call('SimulatePrincipalPolicy', { ...asked, MaxItems: 1 });
    assert.equal(EvaluationResults.length, 1);
    const other = { ...asked, ActionNames: ['a:A'], Marker: first.Marker };
    assert.match((await refusal('SimulatePrincipalPolicy', other)).text, /Invalid Marker/);
    const alone = { PolicyInputList: [readPolicyOf('app')], ActionNames: [GET, 'a:A'], MaxItems: 1 };
    const { Marker } = await call('SimulateCustomPolicy', alone);
    const rest = await call('SimulateCustomPolicy', { ...alone, Marker });
    assert.deepEqual([rest.EvaluationResults[0].EvalActionName, rest.IsTruncated], ['a:A', 'false']);
  });

  test('take further policies, a boundary and condition keys into account', async () => {
    const { call, source } = await openWithAlice();
    const asked = { ...source, ActionNames: [GET], ResourceArns: [SECRET] };
    const decide = async (more: object) => {
      const { EvaluationResults } = await call('SimulatePrincipalPolicy', { ...asked, ...more });
      return EvaluationResults[0].EvalDecision;
    };
    const deny = (Condition: object) =>
      JSON.stringify({ Version: '2012-10-17', Statement: [{ Effect: 'Deny', Action: '*', Resource: '*', Condition }] });
    const fromOutside = deny({ NotIpAddress: { 'aws:SourceIp': '192.0.2.0/24' } });
    const ofBlue = deny({ StringEquals: { 'aws:PrincipalTag/team': 'blue' } });
    const from = (address: string) => [
      { ContextKeyName: 'aws:SourceIp', ContextKeyValues: [address], ContextKeyType: 'ip' },
    ];
    assert.equal(await decide({ PermissionsBoundaryPolicyInputList: [readPolicyOf('other')] }), 'implicitDeny');
    assert.equal(await decide({ PolicyInputList: [fromOutside], ContextEntries: from('192.0.2.9') }), 'allowed');
    assert.equal(
      await decide({ PolicyInputList: [fromOutside], ContextEntries: from('198.51.100.9') }),
      'explicitDeny',
    );
    assert.equal(await decide({ PolicyInputList: [ofBlue] }), 'explicitDeny');
  });

  test('work on policies alone', async () => {
    const { call } = await openFace();
    const { EvaluationResults } = await call('SimulateCustomPolicy', {
      PolicyInputList: [readPolicyOf('app')],
      ActionNames: [GET],
      ResourceArns: [SECRET],
    });
    assert.deepEqual(
      [EvaluationResults[0].EvalDecision, EvaluationResults[0].MatchedStatements[0].SourcePolicyId],
      ['allowed', 'PolicyInputList.1'],
    );
  });

  test('ask a resource policy in the name of whoever calls', async () => {
    const { call, source } = await openWithAlice();
    await call('CreateUser', { UserName: 'bob' });
    const BOB = 'arn:aws:iam::000000000000:user/bob';
    const statement = { Effect: 'Allow', Principal: { AWS: BOB }, Action: GET, Resource: '*' };
    const ResourcePolicy = JSON.stringify({ Version: '2012-10-17', Statement: [statement] });
    const secret = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:other-AbCdEf';
    const more = { ResourceOwner: '000000000000', ResourceHandlingOption: 'any', MaxItems: 1 };
    const asked = { ActionNames: [GET], ResourceArns: [secret], ResourcePolicy, ...more };
    const decisionOf = async (action: string, parameters: object) => {
      const { EvaluationResults, IsTruncated } = await call(action, { ...asked, ...parameters });
      assert.equal(IsTruncated, 'false');
      return EvaluationResults[0].EvalDecision;
    };
    assert.equal(await decisionOf('SimulatePrincipalPolicy', source), 'implicitDeny');
    assert.equal(await decisionOf('SimulatePrincipalPolicy', { ...source, CallerArn: BOB }), 'allowed');
    const custom = { PolicyInputList: [readPolicyOf('app')] };
    assert.equal(await decisionOf('SimulateCustomPolicy', custom), 'implicitDeny');
    assert.equal(await decisionOf('SimulateCustomPolicy', { ...custom, CallerArn: BOB }), 'allowed');
  });

  test('of policies alone know a boundary and condition keys', async () => {
    const { call } = await openFace();
    const Condition = { StringEquals: { 'aws:PrincipalTag/team': 'blue' } };
    const statement = { Effect: 'Allow', Action: GET, Resource: '*', Condition };
    const PolicyInputList = [JSON.stringify({ Version: '2012-10-17', Statement: [statement] })];
    const decisionOf = async (more: object) => {
      const asked = { PolicyInputList, ActionNames: [GET], ResourceArns: [SECRET] };
      return (await call('SimulateCustomPolicy', { ...asked, ...more })).EvaluationResults[0].EvalDecision;
    };
    const ContextEntries = [
      { ContextKeyName: 'aws:PrincipalTag/team', ContextKeyValues: ['blue'], ContextKeyType: 'string' },
    ];
    assert.equal(await decisionOf({}), 'implicitDeny');
    assert.equal(await decisionOf({ ContextEntries }), 'allowed');
    const PermissionsBoundaryPolicyInputList = [readPolicyOf('other')];
    assert.equal(await decisionOf({ ContextEntries, PermissionsBoundaryPolicyInputList }), 'implicitDeny');
  });

  test('refuse who does not exist and what is no action', async () => {
    const { refusal, source } = await openWithAlice();
    const nobody = { PolicySourceArn: 'arn:aws:iam::000000000000:user/nobody', ActionNames: [GET] };
    assert.equal((await refusal('SimulatePrincipalPolicy', nobody)).code, 'NoSuchEntity');
    assert.equal(
      (await refusal('SimulatePrincipalPolicy', { ...source, ActionNames: ['nothing'] })).code,
      'InvalidInput',
    );
    const broken = { ...source, ActionNames: [GET], PolicyInputList: ['{'] };
    assert.equal((await refusal('SimulatePrincipalPolicy', broken)).code, 'MalformedPolicyDocument');
  });
});
