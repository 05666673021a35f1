import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, type TestFace, token } from './testing.ts';

const THERE = 'eu-west-1';
const ELSEWHERE = 'eu-central-1';
const NOT_THERE = "Secrets Manager can't find the specified secret.";

async function open(): Promise<TestFace & { readonly arn: string; readonly replicaArn: string }> {
  const face = await openFace();
  const { ARN: arn } = await face.call('CreateSecret', {
    Name: 'a',
    ClientRequestToken: token('first'),
    SecretString: 'one',
    Tags: [{ Key: 'team', Value: 'blue' }],
    AddReplicaRegions: [{ Region: THERE, KmsKeyId: 'alias/there' }],
  });
  return { ...face, arn, replicaArn: arn.replace('us-east-1', THERE) };
}

const inSync = (Region: string, KmsKeyId = 'alias/aws/secretsmanager') => ({
  Region,
  KmsKeyId,
  Status: 'InSync',
  StatusMessage: 'Replication succeeded',
});

describe('a replica', () => {
  test('is read under the name in its own region, and under its ARN anywhere', async () => {
    const face = await open();
    const { ARN, SecretString, VersionId } = await face.in(THERE).call('GetSecretValue', { SecretId: 'a' });
    assert.deepEqual([ARN, SecretString, VersionId], [face.replicaArn, 'one', token('first')]);
    assert.equal((await face.call('GetSecretValue', { SecretId: face.replicaArn })).ARN, face.replicaArn);
    const partial = face.replicaArn.slice(0, -'-AbCdEf'.length);
    assert.equal((await face.call('GetSecretValue', { SecretId: partial })).ARN, face.replicaArn);
    assert.equal((await face.in(ELSEWHERE).refusal('GetSecretValue', { SecretId: 'a' })).text, NOT_THERE);
    const wrong = face.arn.replace('us-east-1', ELSEWHERE);
    assert.equal((await face.call('GetSecretValue', { SecretId: face.arn })).ARN, face.arn);
    assert.equal((await face.refusal('GetSecretValue', { SecretId: wrong })).text, NOT_THERE);
  });

  test('follows its primary at once: value, labels, tags, policy', async () => {
    const face = await open();
    await face.call('PutSecretValue', { SecretId: 'a', ClientRequestToken: token('second'), SecretString: 'two' });
    const text = JSON.stringify({
      Version: '2012-10-17',
      Statement: { Effect: 'Deny', Principal: '*', Action: '*', Resource: 'arn:aws:none:::x' },
    });
    await face.call('PutResourcePolicy', { SecretId: 'a', ResourcePolicy: text });
    const there = face.in(THERE);
    assert.equal((await there.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'two');
    const described = await there.call('DescribeSecret', { SecretId: 'a' });
    assert.deepEqual(described.VersionIdsToStages, {
      [token('first')]: ['AWSPREVIOUS'],
      [token('second')]: ['AWSCURRENT'],
    });
    assert.deepEqual([described.Tags, described.PrimaryRegion], [[{ Key: 'team', Value: 'blue' }], 'us-east-1']);
    assert.equal((await there.call('GetResourcePolicy', { SecretId: 'a' })).ResourcePolicy, text);
  });

  test('is told by DescribeSecret of the primary, and by ListSecrets of either region', async () => {
    const face = await open();
    await face.call('CreateSecret', { Name: 'alone', ClientRequestToken: token('x') });
    const described = await face.call('DescribeSecret', { SecretId: 'a' });
    assert.deepEqual(described.ReplicationStatus, [inSync(THERE, 'alias/there')]);
    assert.equal(described.PrimaryRegion, 'us-east-1');
    assert.ok(!('PrimaryRegion' in (await face.call('DescribeSecret', { SecretId: 'alone' }))));
    const listed = async (region: string) =>
      (await face.in(region).call('ListSecrets', {})).SecretList.map(({ ARN, PrimaryRegion }) => [ARN, PrimaryRegion]);
    assert.deepEqual((await listed('us-east-1')).length, 2);
    assert.deepEqual(await listed(THERE), [[face.replicaArn, 'us-east-1']]);
    assert.deepEqual(await listed(ELSEWHERE), []);
    const filtered = { Filters: [{ Key: 'primary-region', Values: ['us-'] }] };
    assert.deepEqual(
      (await face.call('ListSecrets', filtered)).SecretList.map(({ Name }) => Name),
      ['a'],
    );
    const batch = await face.in(THERE).call('BatchGetSecretValue', { Filters: [{ Key: 'all', Values: ['a'] }] });
    assert.deepEqual(
      batch.SecretValues.map(({ ARN }) => ARN),
      [face.replicaArn],
    );
  });

  const CHANGES: Readonly<Record<string, object>> = {
    CancelRotateSecret: {},
    DeleteResourcePolicy: {},
    DeleteSecret: {},
    PutResourcePolicy: { ResourcePolicy: '{}' },
    PutSecretValue: { ClientRequestToken: token('n'), SecretString: 'two' },
    RemoveRegionsFromReplication: { RemoveReplicaRegions: [THERE] },
    ReplicateSecretToRegions: { AddReplicaRegions: [{ Region: ELSEWHERE }] },
    RestoreSecret: {},
    RotateSecret: { ClientRequestToken: token('n'), RotationLambdaARN: 'rekey-fake' },
    TagResource: { Tags: [{ Key: 'k', Value: 'v' }] },
    UntagResource: { TagKeys: ['team'] },
    UpdateSecret: { ClientRequestToken: token('n'), Description: 'd' },
    UpdateSecretVersionStage: { VersionStage: 'S', MoveToVersionId: token('first') },
  };
  for (const [operation, input] of Object.entries(CHANGES))
    test(`refuses ${operation}, by name and by ARN`, async () => {
      const face = await open();
      const before = await face.call('DescribeSecret', { SecretId: 'a' });
      const refused = {
        status: 400,
        type: 'InvalidParameterException',
        text: "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
      };
      assert.deepEqual(await face.in(THERE).refusal(operation, { SecretId: 'a', ...input }), refused);
      assert.deepEqual(await face.refusal(operation, { SecretId: face.replicaArn, ...input }), refused);
      assert.deepEqual(await face.call('DescribeSecret', { SecretId: 'a' }), before);
    });
});

describe('ReplicateSecretToRegions', () => {
  test('adds regions, again and again with the same end', async () => {
    const face = await open();
    const more = { SecretId: 'a', AddReplicaRegions: [{ Region: ELSEWHERE }] };
    for (let time = 0; time < 2; time += 1) {
      const { ARN, ReplicationStatus } = await face.call('ReplicateSecretToRegions', more);
      assert.equal(ARN, face.arn);
      assert.deepEqual(ReplicationStatus, [inSync(THERE, 'alias/there'), inSync(ELSEWHERE)]);
    }
    assert.equal((await face.in(ELSEWHERE).call('GetSecretValue', { SecretId: 'a' })).SecretString, 'one');
  });

  const REFUSED: readonly (readonly [string, readonly object[], RegExp])[] = [
    ['a region this server has not', [{ Region: 'ap-south-1' }], /^Invalid replica region ap-south-1: this server/],
    ['the region of the secret itself', [{ Region: 'us-east-1' }], /^Invalid replica region us-east-1: the secret/],
    ['a region twice', [{ Region: ELSEWHERE }, { Region: ELSEWHERE }], /named twice/],
    ['a replica without a region', [{ KmsKeyId: 'k' }], /^You must provide a Region for each replica\.$/],
  ];
  for (const [what, AddReplicaRegions, text] of REFUSED)
    test(`of ${what} is refused, also when a secret is created`, async () => {
      const face = await open();
      for (const [operation, input] of [
        ['ReplicateSecretToRegions', { SecretId: 'a' }],
        ['CreateSecret', { Name: 'new', ClientRequestToken: token('n') }],
      ] as const) {
        const refused = await face.refusal(operation, { ...input, AddReplicaRegions });
        assert.equal(refused.type, 'InvalidParameterException');
        assert.match(refused.text, text);
      }
      assert.equal((await face.refusal('DescribeSecret', { SecretId: 'new' })).text, NOT_THERE);
    });

  test('says where the name is taken, and takes it over only when told to', async () => {
    const face = await open();
    const there = face.in(ELSEWHERE);
    await there.call('CreateSecret', { Name: 'a', ClientRequestToken: token('own'), SecretString: 'theirs' });
    const replicate = (more: object) =>
      face.call('ReplicateSecretToRegions', { SecretId: 'a', AddReplicaRegions: [{ Region: ELSEWHERE }], ...more });
    const { Status, StatusMessage } = (await replicate({})).ReplicationStatus[1]!;
    assert.deepEqual(
      [Status, StatusMessage],
      ['Failed', `Replication failed: Secret name a already exists in region ${ELSEWHERE}.`],
    );
    assert.equal((await there.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'theirs');
    const overwritten = await replicate({ ForceOverwriteReplicaSecret: true });
    assert.equal(overwritten.ReplicationStatus[1]!.Status, 'InSync');
    assert.equal((await there.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'one');
  });

  test('never takes over a secret that has replicas of its own', async () => {
    const face = await open();
    const there = face.in(ELSEWHERE);
    await there.call('CreateSecret', { Name: 'b', ClientRequestToken: token('own'), SecretString: 'theirs' });
    await there.call('ReplicateSecretToRegions', { SecretId: 'b', AddReplicaRegions: [{ Region: THERE }] });
    await face.call('CreateSecret', { Name: 'b', ClientRequestToken: token('b'), SecretString: 'ours' });
    const { ReplicationStatus } = await face.call('ReplicateSecretToRegions', {
      SecretId: 'b',
      AddReplicaRegions: [{ Region: ELSEWHERE }, { Region: THERE }],
      ForceOverwriteReplicaSecret: true,
    });
    assert.deepEqual(
      ReplicationStatus.map(({ Status }) => Status),
      ['Failed', 'InSync'],
    );
    assert.equal((await there.call('GetSecretValue', { SecretId: 'b' })).SecretString, 'theirs');
    assert.equal((await face.in(THERE).call('GetSecretValue', { SecretId: 'b' })).SecretString, 'ours');
    assert.ok(!('ReplicationStatus' in (await there.call('DescribeSecret', { SecretId: 'b' }))));
  });
});

test('a server of one region refuses replicas and says so', async () => {
  const { call, refusal } = await openFace({ replicaRegions: [] });
  await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t') });
  const AddReplicaRegions = [{ Region: THERE }];
  assert.deepEqual(await refusal('ReplicateSecretToRegions', { SecretId: 'a', AddReplicaRegions }), {
    status: 400,
    type: 'InvalidParameterException',
    text: `Invalid replica region ${THERE}: this server is configured for one Region only.`,
  });
});

describe('RemoveRegionsFromReplication', () => {
  test('takes the replica away and leaves the primary', async () => {
    const face = await open();
    const remove = { SecretId: 'a', RemoveReplicaRegions: [THERE] };
    assert.deepEqual((await face.call('RemoveRegionsFromReplication', remove)).ReplicationStatus, []);
    assert.equal((await face.in(THERE).refusal('GetSecretValue', { SecretId: 'a' })).text, NOT_THERE);
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'one');
    assert.ok(!('PrimaryRegion' in (await face.call('DescribeSecret', { SecretId: 'a' }))));
    assert.equal((await face.refusal('RemoveRegionsFromReplication', remove)).type, 'InvalidParameterException');
  });
});

describe('StopReplicationToReplica', () => {
  test('makes a secret of its own of the replica, with its ARN, values, labels and tags, and without rotation', async () => {
    const face = await open();
    await face.call('PutSecretValue', { SecretId: 'a', ClientRequestToken: token('second'), SecretString: 'two' });
    const there = face.in(THERE);
    assert.deepEqual(await there.call('StopReplicationToReplica', { SecretId: 'a' }), { ARN: face.replicaArn });
    const described = await there.call('DescribeSecret', { SecretId: 'a' });
    assert.equal(described.ARN, face.replicaArn);
    assert.deepEqual(described.Tags, [{ Key: 'team', Value: 'blue' }]);
    assert.ok(!('PrimaryRegion' in described) && !('RotationEnabled' in described));
    const previous = { SecretId: 'a', VersionStage: 'AWSPREVIOUS' };
    assert.equal((await there.call('GetSecretValue', previous)).SecretString, 'one');
    await there.call('PutSecretValue', { SecretId: 'a', ClientRequestToken: token('third'), SecretString: 'three' });
    assert.equal((await there.call('GetSecretValue', { SecretId: face.replicaArn })).SecretString, 'three');
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'two');
    await face.call('DeleteSecret', { SecretId: 'a' });
    await there.call('DeleteSecret', { SecretId: 'a', ForceDeleteWithoutRecovery: true });
    assert.equal((await there.refusal('DescribeSecret', { SecretId: 'a' })).text, NOT_THERE);
    assert.ok((await face.call('DescribeSecret', { SecretId: 'a' })).DeletedDate);
  });

  test('of what is no replica is refused', async () => {
    const face = await open();
    const refused = await face.refusal('StopReplicationToReplica', { SecretId: 'a' });
    assert.deepEqual([refused.status, refused.type], [400, 'InvalidRequestException']);
  });
});

test('a secret with replicas cannot be deleted, at once or later', async () => {
  const face = await open();
  for (const more of [{}, { ForceDeleteWithoutRecovery: true }])
    assert.deepEqual(await face.refusal('DeleteSecret', { SecretId: 'a', ...more }), {
      status: 400,
      type: 'InvalidParameterException',
      text: `You can't delete secret ${face.arn} that still has replica regions [${THERE}].`,
    });
});

test('names are taken within their region only; a made-up ARN is of the region asked', async () => {
  const face = await open();
  const there = face.in(ELSEWHERE);
  const { ARN } = await there.call('CreateSecret', { Name: 'a', ClientRequestToken: token('t') });
  assert.ok(ARN.startsWith(`arn:aws:secretsmanager:${ELSEWHERE}:`));
  assert.equal((await there.call('DescribeSecret', { SecretId: ARN })).ARN, ARN);
  const taken = await face.in(THERE).refusal('CreateSecret', { Name: 'a', ClientRequestToken: token('t') });
  assert.equal(taken.type, 'ResourceExistsException');
  const gone = await there.call('DeleteSecret', { SecretId: 'never', ForceDeleteWithoutRecovery: true });
  assert.ok(gone.ARN.startsWith(`arn:aws:secretsmanager:${ELSEWHERE}:`));
});

test('a name in a region leads to one secret, whoever asks for it at the same time', async () => {
  for (let round = 0; round < 20; round += 1) {
    const face = await openFace();
    const there = face.in(THERE);
    await face.call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'ours' });
    const [created, replicated] = await Promise.allSettled([
      there.call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'theirs' }),
      face.call('ReplicateSecretToRegions', { SecretId: 'a', AddReplicaRegions: [{ Region: THERE }] }),
    ]);
    assert.equal(replicated.status, 'fulfilled');
    const isTheirs = created.status === 'fulfilled';
    const { SecretString } = await there.call('GetSecretValue', { SecretId: 'a' });
    assert.equal(SecretString, isTheirs ? 'theirs' : 'ours');
    const { ReplicationStatus } = await face.call('DescribeSecret', { SecretId: 'a' });
    assert.deepEqual(
      ReplicationStatus.map(({ Status }) => Status),
      [isTheirs ? 'Failed' : 'InSync'],
    );
  }
});

test('promoting and removing a replica at the same time ends in one of both', async () => {
  for (let round = 0; round < 20; round += 1) {
    const face = await open();
    const there = face.in(THERE);
    const [promoted, removed] = await Promise.allSettled([
      there.call('StopReplicationToReplica', { SecretId: 'a' }),
      face.call('RemoveRegionsFromReplication', { SecretId: 'a', RemoveReplicaRegions: [THERE] }),
    ]);
    assert.notEqual(promoted.status, removed.status);
    assert.ok(!('ReplicationStatus' in (await face.call('DescribeSecret', { SecretId: 'a' }))));
    if (promoted.status === 'fulfilled')
      assert.equal((await there.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'one');
    else assert.equal((await there.refusal('GetSecretValue', { SecretId: 'a' })).text, NOT_THERE);
  }
});
