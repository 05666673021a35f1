import { testFace } from '../conformance.ts';
import { openFace, requestOf, token } from './testing.ts';

const VALUE = 'a-value-that-no-error-may-repeat';
const SECRET = { SecretId: 'a' };

/** One valid request of every operation. */
const INPUTS: readonly (readonly [string, object])[] = [
  ['BatchGetSecretValue', { SecretIdList: ['a', 'b'] }],
  ['BatchGetSecretValue', { Filters: [{ Key: 'all', Values: ['a'] }], MaxResults: 5 }],
  ['CancelRotateSecret', SECRET],
  [
    'CreateSecret',
    { Name: 'c', ClientRequestToken: token('c'), SecretString: VALUE, Tags: [{ Key: 'k', Value: 'v' }] },
  ],
  ['DeleteResourcePolicy', SECRET],
  ['DeleteSecret', { SecretId: 'c', RecoveryWindowInDays: 7 }],
  ['DescribeSecret', SECRET],
  ['GetRandomPassword', { PasswordLength: 20, ExcludeCharacters: 'abc' }],
  ['GetResourcePolicy', SECRET],
  ['GetSecretValue', { ...SECRET, VersionStage: 'AWSCURRENT' }],
  ['ListSecretVersionIds', { ...SECRET, MaxResults: 5, IncludeDeprecated: true }],
  ['ListSecrets', { Filters: [{ Key: 'name', Values: ['a', '!b'] }], SortBy: 'name', SortOrder: 'asc', MaxResults: 3 }],
  ['PutResourcePolicy', { ...SECRET, ResourcePolicy: '{}' }],
  ['PutSecretValue', { ...SECRET, ClientRequestToken: token('p'), SecretString: VALUE, VersionStages: ['S'] }],
  [
    'PutSecretValue',
    { ...SECRET, ClientRequestToken: token('q'), SecretBinary: Buffer.from(VALUE).toString('base64') },
  ],
  ['RemoveRegionsFromReplication', { ...SECRET, RemoveReplicaRegions: ['eu-west-1'] }],
  ['ReplicateSecretToRegions', { ...SECRET, AddReplicaRegions: [{ Region: 'eu-west-1' }] }],
  ['RestoreSecret', SECRET],
  [
    'RotateSecret',
    { ...SECRET, ClientRequestToken: token('r'), RotationRules: { ScheduleExpression: 'rate(10 days)' } },
  ],
  ['StopReplicationToReplica', SECRET],
  ['TagResource', { ...SECRET, Tags: [{ Key: 'rekey:overlap', Value: '1h' }] }],
  ['UntagResource', { ...SECRET, TagKeys: ['k'] }],
  ['UpdateSecret', { ...SECRET, ClientRequestToken: token('u'), SecretString: VALUE, Description: 'd' }],
  ['UpdateSecretVersionStage', { ...SECRET, VersionStage: 'S', MoveToVersionId: token('t') }],
  ['ValidateResourcePolicy', { ...SECRET, ResourcePolicy: '{}' }],
];

testFace({
  name: 'aws-secrets-manager',
  open: async () => {
    const { face, call } = await openFace();
    for (const Name of ['a', 'b'])
      await call('CreateSecret', { Name, ClientRequestToken: token('t'), SecretString: VALUE });
    return { face, close: async () => {} };
  },
  requests: INPUTS.map(([operation, input]) => requestOf(operation, input)),
  value: VALUE,
  requestIdHeader: 'x-amzn-requestid',
  runs: 10_000,
});
