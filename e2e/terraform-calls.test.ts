import assert from 'node:assert/strict';
import { join } from 'node:path';
import { after, before, test } from 'node:test';
import * as iamSdk from '@aws-sdk/client-iam';
import * as secretsSdk from '@aws-sdk/client-secrets-manager';
import * as stsSdk from '@aws-sdk/client-sts';
import {
  ROOT_ACCESS_KEY_ID,
  ROOT_SECRET_ACCESS_KEY,
  startServer,
  type TestServer,
  temporaryFolder,
} from './support/server.ts';
import { until } from './support/until.ts';

/**
 * Terraform's AWS provider, without Terraform: for each of its resources the calls that it makes to create, read, change
 * and delete it, with the members that it sends (also those it sends empty or false).
 */
const ACCOUNT = '000000000000';
const ROTATOR = `arn:aws:lambda:us-east-1:${ACCOUNT}:function:rekey-random-value`;
const reading = documentOf({ Effect: 'Allow', Action: 'secretsmanager:GetSecretValue', Resource: '*' });
const trust = documentOf({ Effect: 'Allow', Principal: { AWS: ACCOUNT }, Action: 'sts:AssumeRole' });

let server: TestServer;
let secrets: secretsSdk.SecretsManager;
let iam: iamSdk.IAM;
let sts: stsSdk.STS;
const cleanups: (() => Promise<void>)[] = [];

before(async () => {
  const folder = await temporaryFolder({ after: (fn) => cleanups.push(fn) });
  server = await startServer({ dataFolder: join(folder, 'data') });
  const credentials = { accessKeyId: ROOT_ACCESS_KEY_ID, secretAccessKey: ROOT_SECRET_ACCESS_KEY };
  const configuration = { endpoint: server.endpoint, region: 'us-east-1', credentials, maxAttempts: 1 };
  secrets = new secretsSdk.SecretsManager(configuration);
  iam = new iamSdk.IAM(configuration);
  sts = new stsSdk.STS(configuration);
});
after(async () => {
  for (const client of [secrets, iam, sts]) client.destroy();
  assert.equal(await server.stop(), 0);
  for (const cleanup of cleanups) await cleanup();
});

test('the provider finds out whose account it is', async () => {
  assert.equal((await sts.getCallerIdentity({})).Account, ACCOUNT);
});

test('aws_secretsmanager_secret, _version, _rotation and _policy', async () => {
  const created = await secrets.createSecret({
    Name: 'tf/db',
    ClientRequestToken: 'terraform-20261127000000000000000001',
    Description: '',
    ForceOverwriteReplicaSecret: false,
    Tags: [{ Key: 'team', Value: 'shop' }],
  });
  const SecretId = created.ARN!;
  assert.equal(created.VersionId, undefined);
  const described = await secrets.describeSecret({ SecretId });
  assert.deepEqual([described.Name, described.RotationEnabled ?? false], ['tf/db', false]);
  assert.equal((await secrets.getResourcePolicy({ SecretId })).ResourcePolicy, undefined);
  await secrets.updateSecret({ SecretId, Description: 'of the shop', ClientRequestToken: 't'.repeat(32) });
  await secrets.tagResource({ SecretId, Tags: [{ Key: 'team', Value: 'store' }] });
  await secrets.untagResource({ SecretId, TagKeys: ['team'] });
  assert.deepEqual((await secrets.describeSecret({ SecretId })).Tags ?? [], []);

  const first = await secrets.putSecretValue({ SecretId, ClientRequestToken: 'a'.repeat(32), SecretString: 'one' });
  const staged = await secrets.putSecretValue({
    SecretId,
    ClientRequestToken: 'b'.repeat(32),
    SecretString: 'two',
    VersionStages: ['AWSCURRENT', 'TF'],
  });
  const read = await secrets.getSecretValue({ SecretId, VersionId: staged.VersionId });
  assert.deepEqual([read.SecretString, [...(read.VersionStages ?? [])].sort()], ['two', ['AWSCURRENT', 'TF']]);
  await secrets.updateSecretVersionStage({ SecretId, VersionStage: 'TF', RemoveFromVersionId: staged.VersionId });
  const before = await secrets.getSecretValue({ SecretId, VersionId: first.VersionId });
  assert.deepEqual(before.VersionStages, ['AWSPREVIOUS']);

  const deny = { Effect: 'Deny', Principal: '*', Action: 'secretsmanager:DeleteSecret', Resource: '*' };
  await secrets.putResourcePolicy({ SecretId, ResourcePolicy: documentOf(deny), BlockPublicPolicy: true });
  const kept = JSON.parse((await secrets.getResourcePolicy({ SecretId })).ResourcePolicy!);
  assert.deepEqual(kept.Statement, [deny]);
  await secrets.putResourcePolicy({ SecretId, ResourcePolicy: documentOf({ ...deny, Sid: 'Stay' }) });
  await secrets.deleteResourcePolicy({ SecretId });

  const RotationRules = { AutomaticallyAfterDays: 30, Duration: '3h' };
  await secrets.rotateSecret({ SecretId, RotateImmediately: false, RotationLambdaARN: ROTATOR, RotationRules });
  const rotating = await secrets.describeSecret({ SecretId });
  assert.deepEqual([rotating.RotationEnabled, rotating.RotationRules], [true, RotationRules]);
  // The configuration is tried with an AWSPENDING version, which then goes: until then there is no other RotateSecret.
  await until(async () => {
    const { VersionIdsToStages } = await secrets.describeSecret({ SecretId });
    return Object.values(VersionIdsToStages ?? {})
      .flat()
      .includes('AWSPENDING')
      ? null
      : true;
  });
  await secrets.rotateSecret({
    SecretId,
    RotateImmediately: false,
    RotationLambdaARN: ROTATOR,
    RotationRules: { ScheduleExpression: 'rate(20 days)' },
  });
  await secrets.cancelRotateSecret({ SecretId });
  assert.equal((await secrets.describeSecret({ SecretId })).RotationEnabled, false);

  await secrets.deleteSecret({ SecretId, RecoveryWindowInDays: 30, ForceDeleteWithoutRecovery: false });
  assert.ok((await secrets.describeSecret({ SecretId })).DeletedDate instanceof Date);
  await secrets.restoreSecret({ SecretId });
  await secrets.deleteSecret({ SecretId, ForceDeleteWithoutRecovery: true });
  await assert.rejects(secrets.describeSecret({ SecretId }), secretsSdk.ResourceNotFoundException);
  assert.deepEqual((await secrets.listSecrets({ Filters: [{ Key: 'name', Values: ['tf/'] }] })).SecretList, []);
});

test('aws_iam_policy, with its versions', async () => {
  const { Policy } = await iam.createPolicy({
    PolicyName: 'tf',
    Path: '/tf/',
    Description: 'd',
    PolicyDocument: reading,
    Tags: [],
  });
  const PolicyArn = Policy!.Arn!;
  const { PolicyVersion } = await iam.getPolicyVersion({ PolicyArn, VersionId: Policy!.DefaultVersionId });
  assert.equal(decodeURIComponent(PolicyVersion!.Document!), reading);
  assert.equal((await iam.listPolicyVersions({ PolicyArn })).Versions?.length, 1);
  await iam.createPolicyVersion({ PolicyArn, PolicyDocument: reading, SetAsDefault: true });
  await iam.deletePolicyVersion({ PolicyArn, VersionId: 'v1' });
  await iam.tagPolicy({ PolicyArn, Tags: [{ Key: 'k', Value: 'v' }] });
  await iam.untagPolicy({ PolicyArn, TagKeys: ['k'] });
  const { Policy: now } = await iam.getPolicy({ PolicyArn });
  assert.deepEqual([now!.DefaultVersionId, now!.AttachmentCount], ['v2', 0]);
  const { Policies } = await iam.listPolicies({ Scope: 'All', PathPrefix: '/tf/' });
  assert.deepEqual(
    Policies?.map(({ Arn }) => Arn),
    [PolicyArn],
  );
  await iam.deletePolicy({ PolicyArn });
  await assert.rejects(iam.getPolicy({ PolicyArn }), iamSdk.NoSuchEntityException);
});

test('aws_iam_user, _policy, _policy_attachment, _group_membership and aws_iam_access_key', async () => {
  const UserName = 'tf-user';
  const { Policy } = await iam.createPolicy({ PolicyName: 'tf-user', PolicyDocument: reading });
  const PolicyArn = Policy!.Arn!;
  await iam.createUser({ UserName, Path: '/', PermissionsBoundary: PolicyArn, Tags: [{ Key: 'k', Value: 'v' }] });
  assert.equal((await iam.getUser({ UserName })).User?.PermissionsBoundary?.PermissionsBoundaryArn, PolicyArn);
  await iam.updateUser({ UserName, NewUserName: UserName, NewPath: '/tf/' });
  await iam.deleteUserPermissionsBoundary({ UserName });
  await iam.putUserPermissionsBoundary({ UserName, PermissionsBoundary: PolicyArn });
  await iam.tagUser({ UserName, Tags: [{ Key: 'k', Value: 'w' }] });
  await iam.untagUser({ UserName, TagKeys: ['k'] });

  await iam.putUserPolicy({ UserName, PolicyName: 'own', PolicyDocument: reading });
  const own = await iam.getUserPolicy({ UserName, PolicyName: 'own' });
  assert.equal(decodeURIComponent(own.PolicyDocument!), reading);
  await iam.attachUserPolicy({ UserName, PolicyArn });
  const { AttachedPolicies } = await iam.listAttachedUserPolicies({ UserName });
  assert.deepEqual(AttachedPolicies, [{ PolicyName: 'tf-user', PolicyArn }]);

  await iam.createGroup({ GroupName: 'tf', Path: '/' });
  await iam.addUserToGroup({ UserName, GroupName: 'tf' });
  assert.deepEqual(
    (await iam.listGroupsForUser({ UserName })).Groups?.map(({ GroupName }) => GroupName),
    ['tf'],
  );
  assert.equal((await iam.getGroup({ GroupName: 'tf' })).Users?.length, 1);

  const AccessKeyId = (await iam.createAccessKey({ UserName })).AccessKey!.AccessKeyId!;
  await iam.updateAccessKey({ UserName, AccessKeyId, Status: 'Inactive' });
  assert.equal((await iam.listAccessKeys({ UserName })).AccessKeyMetadata?.[0]?.Status, 'Inactive');
  await iam.getAccessKeyLastUsed({ AccessKeyId });

  // force_destroy
  await iam.removeUserFromGroup({ UserName, GroupName: 'tf' });
  await iam.deleteGroup({ GroupName: 'tf' });
  await iam.deleteAccessKey({ UserName, AccessKeyId });
  assert.deepEqual((await iam.listSSHPublicKeys({ UserName })).SSHPublicKeys, []);
  assert.deepEqual((await iam.listVirtualMFADevices({ AssignmentStatus: 'Assigned' })).VirtualMFADevices, []);
  assert.deepEqual((await iam.listMFADevices({ UserName })).MFADevices, []);
  await assert.rejects(iam.deleteLoginProfile({ UserName }), iamSdk.NoSuchEntityException);
  assert.deepEqual((await iam.listSigningCertificates({ UserName })).Certificates, []);
  assert.deepEqual((await iam.listServiceSpecificCredentials({ UserName })).ServiceSpecificCredentials, []);
  await iam.detachUserPolicy({ UserName, PolicyArn });
  await iam.deleteUserPolicy({ UserName, PolicyName: 'own' });
  await iam.deleteUserPermissionsBoundary({ UserName });
  await iam.deleteUser({ UserName });
  await iam.deletePolicy({ PolicyArn });
  await assert.rejects(iam.getUser({ UserName }), iamSdk.NoSuchEntityException);
});

test('aws_iam_role, _policy and _policy_attachment', async () => {
  const RoleName = 'tf-role';
  const { Policy } = await iam.createPolicy({ PolicyName: 'tf-role', PolicyDocument: reading });
  const PolicyArn = Policy!.Arn!;
  await iam.createRole({
    RoleName,
    Path: '/',
    AssumeRolePolicyDocument: trust,
    MaxSessionDuration: 3600,
    Description: '',
  });
  assert.equal(decodeURIComponent((await iam.getRole({ RoleName })).Role!.AssumeRolePolicyDocument!), trust);
  await iam.updateAssumeRolePolicy({ RoleName, PolicyDocument: trust });
  await iam.updateRoleDescription({ RoleName, Description: 'of the shop' });
  await iam.updateRole({ RoleName, MaxSessionDuration: 7200 });
  await iam.putRolePermissionsBoundary({ RoleName, PermissionsBoundary: PolicyArn });
  await iam.tagRole({ RoleName, Tags: [{ Key: 'k', Value: 'v' }] });
  await iam.untagRole({ RoleName, TagKeys: ['k'] });
  const { Role } = await iam.getRole({ RoleName });
  assert.deepEqual([Role!.Description, Role!.MaxSessionDuration], ['of the shop', 7200]);

  await iam.putRolePolicy({ RoleName, PolicyName: 'own', PolicyDocument: reading });
  assert.deepEqual((await iam.listRolePolicies({ RoleName })).PolicyNames, ['own']);
  assert.equal(decodeURIComponent((await iam.getRolePolicy({ RoleName, PolicyName: 'own' })).PolicyDocument!), reading);
  await iam.attachRolePolicy({ RoleName, PolicyArn });
  assert.equal((await iam.listAttachedRolePolicies({ RoleName })).AttachedPolicies?.length, 1);

  assert.deepEqual((await iam.listInstanceProfilesForRole({ RoleName })).InstanceProfiles, []);
  await iam.detachRolePolicy({ RoleName, PolicyArn });
  await iam.deleteRolePolicy({ RoleName, PolicyName: 'own' });
  await iam.deleteRolePermissionsBoundary({ RoleName });
  await iam.deleteRole({ RoleName });
  await iam.deletePolicy({ PolicyArn });
  await assert.rejects(iam.getRole({ RoleName }), iamSdk.NoSuchEntityException);
});

test('aws_iam_openid_connect_provider', async () => {
  const Url = 'https://issuer.example';
  const ThumbprintList = ['a'.repeat(40)];
  const created = await iam.createOpenIDConnectProvider({ Url, ClientIDList: ['one'], ThumbprintList, Tags: [] });
  const OpenIDConnectProviderArn = created.OpenIDConnectProviderArn!;
  const read = await iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn });
  assert.deepEqual([read.Url, read.ClientIDList, read.ThumbprintList], ['issuer.example', ['one'], ThumbprintList]);
  await iam.updateOpenIDConnectProviderThumbprint({ OpenIDConnectProviderArn, ThumbprintList: ['b'.repeat(40)] });
  await iam.addClientIDToOpenIDConnectProvider({ OpenIDConnectProviderArn, ClientID: 'two' });
  await iam.removeClientIDFromOpenIDConnectProvider({ OpenIDConnectProviderArn, ClientID: 'one' });
  await iam.tagOpenIDConnectProvider({ OpenIDConnectProviderArn, Tags: [{ Key: 'k', Value: 'v' }] });
  await iam.untagOpenIDConnectProvider({ OpenIDConnectProviderArn, TagKeys: ['k'] });
  const { OpenIDConnectProviderList } = await iam.listOpenIDConnectProviders({});
  assert.deepEqual(OpenIDConnectProviderList, [{ Arn: OpenIDConnectProviderArn }]);
  assert.deepEqual((await iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn })).ClientIDList, ['two']);
  await iam.deleteOpenIDConnectProvider({ OpenIDConnectProviderArn });
  await assert.rejects(iam.getOpenIDConnectProvider({ OpenIDConnectProviderArn }), iamSdk.NoSuchEntityException);
});

function documentOf(...statements: readonly object[]): string {
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}
