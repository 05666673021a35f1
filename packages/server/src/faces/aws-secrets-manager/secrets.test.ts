import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, requestOf, token, type WireAnswer } from './testing.ts';

const DAY = 86_400_000;
const DELETED = "You can't perform this operation on the secret because it was marked for deletion.";

describe('CreateSecret', () => {
  test('answers with ARN, name and the version it made, and describes it so', async () => {
    const { call, clock } = await openFace();
    const created = await call('CreateSecret', {
      Name: 'app/db',
      ClientRequestToken: token('one'),
      SecretString: 'value',
      Description: 'for the app',
      KmsKeyId: 'alias/mine',
      Type: 'Custom',
      Tags: [
        { Key: 'team', Value: 'blue' },
        { Key: 'empty', Value: '' },
      ],
    });
    assert.match(created.ARN, /^arn:aws:secretsmanager:us-east-1:000000000000:secret:app\/db-[A-Za-z0-9]{6}$/);
    assert.deepEqual(created, { ARN: created.ARN, Name: 'app/db', VersionId: token('one') });
    assert.deepEqual(await call('DescribeSecret', { SecretId: 'app/db' }), {
      ARN: created.ARN,
      Name: 'app/db',
      Type: 'Custom',
      Description: 'for the app',
      KmsKeyId: 'alias/mine',
      LastChangedDate: clock.now() / 1000,
      CreatedDate: clock.now() / 1000,
      Tags: [
        { Key: 'team', Value: 'blue' },
        { Key: 'empty', Value: '' },
      ],
      VersionIdsToStages: { [token('one')]: ['AWSCURRENT'] },
    });
  });

  test('without a value names no version, and echoes no empty description', async () => {
    const { call, refusal, clock } = await openFace();
    const created = await call('CreateSecret', { Name: 'empty', ClientRequestToken: token('t'), Description: '' });
    assert.deepEqual(Object.keys(created), ['ARN', 'Name']);
    const now = clock.now() / 1000;
    assert.deepEqual(await call('DescribeSecret', { SecretId: 'empty' }), {
      ...created,
      LastChangedDate: now,
      CreatedDate: now,
    });
    assert.deepEqual(await refusal('GetSecretValue', { SecretId: 'empty' }), {
      status: 400,
      type: 'ResourceNotFoundException',
      text: "Secrets Manager can't find the specified secret value for staging label: AWSCURRENT",
    });
  });

  test('repeated with the same token and value gives the first answer again; with others it is refused', async () => {
    const { call, refusal } = await openFace();
    const request = { Name: 'a', ClientRequestToken: token('t'), SecretString: 'value' };
    const first = await call('CreateSecret', request);
    assert.deepEqual(await call('CreateSecret', request), first);
    assert.deepEqual(await refusal('CreateSecret', { ...request, ClientRequestToken: token('u') }), {
      status: 400,
      type: 'ResourceExistsException',
      text: 'The operation failed because the secret a already exists.',
    });
    assert.deepEqual(await refusal('CreateSecret', { ...request, SecretString: 'other' }), {
      status: 400,
      type: 'ResourceExistsException',
      text: `You can't use ClientRequestToken ${token('t')} because that value is already in use for a version of secret ${first.ARN}.`,
    });
    const bytes = { SecretString: undefined, SecretBinary: Buffer.from('value').toString('base64') };
    assert.equal((await refusal('CreateSecret', { ...request, ...bytes })).type, 'ResourceExistsException');
  });

  test('of one name at once by many succeeds for one only', async () => {
    const { face, call } = await openFace();
    const answers = await Promise.all(
      Array.from({ length: 20 }, (_, index) =>
        face.handle(
          requestOf('CreateSecret', { Name: 'a', ClientRequestToken: token(`t${index}`), SecretString: 'v' }),
        ),
      ),
    );
    assert.equal(answers.filter(({ status }) => status === 200).length, 1);
    assert.equal((await call('ListSecrets', {})).SecretList.length, 1);
  });

  test('of a name marked for deletion is refused; once removed the name is free and gets another ARN', async () => {
    const { call, refusal } = await openFace();
    const request = { Name: 'a', ClientRequestToken: token('t'), SecretString: 'value' };
    const first = await call('CreateSecret', request);
    await call('DeleteSecret', { SecretId: 'a' });
    assert.deepEqual(await refusal('CreateSecret', request), {
      status: 400,
      type: 'InvalidRequestException',
      text: "You can't create this secret because a secret with this name is already scheduled for deletion.",
    });
    await call('DeleteSecret', { SecretId: 'a', ForceDeleteWithoutRecovery: true });
    const second = await call('CreateSecret', request);
    assert.notEqual(second.ARN, first.ARN);
    assert.equal((await refusal('GetSecretValue', { SecretId: first.ARN })).type, 'ResourceNotFoundException');
  });

  const REFUSED: readonly [string, object, string, RegExp | string][] = [
    [
      'without a token',
      { ClientRequestToken: undefined },
      'InvalidRequestException',
      /^You must provide a ClientRequestToken value\. We recommend a UUID-type value\.$/,
    ],
    [
      'with both kinds of value',
      { SecretBinary: 'AAAA' },
      'InvalidParameterException',
      /both a binary secret value and a string/,
    ],
    [
      'with characters no name may have',
      { Name: 'a b' },
      'ValidationException',
      'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
    ],
    [
      'with a value of 65,537 bytes',
      { SecretString: `${'ä'.repeat(32_768)}x` },
      'ValidationException',
      "1 validation error detected: Value at 'secretString' failed to satisfy constraint: Member must have length less than or equal to 65536",
    ],
    [
      'with 51 tags',
      { Tags: Array.from({ length: 51 }, (_, n) => ({ Key: `k${n}`, Value: 'v' })) },
      'InvalidParameterException',
      /at most 50 tags/,
    ],
    ['with a tag of AWS’s own', { Tags: [{ Key: 'aws:mine', Value: '' }] }, 'InvalidParameterException', /reserved/],
    ['with a tag without a key', { Tags: [{ Value: 'v' }] }, 'InvalidParameterException', /key for each tag/],
    [
      'with an unknown rekey: setting',
      { Tags: [{ Key: 'rekey:overlapp', Value: '1h' }] },
      'InvalidParameterException',
      /is no setting; settings are rekey:strategy, rekey:overlap, rekey:username-may-change/,
    ],
    [
      'with a rekey: setting that says nothing',
      { Tags: [{ Key: 'rekey:overlap', Value: 'long' }] },
      'InvalidParameterException',
      /not a duration/,
    ],
  ];
  for (const [how, change, type, text] of REFUSED)
    test(`${how} is refused, and nothing is created`, async () => {
      const { call, refusal } = await openFace();
      const refused = await refusal('CreateSecret', {
        Name: 'a',
        ClientRequestToken: token('t'),
        SecretString: 'v',
        ...change,
      });
      assert.equal(refused.type, type);
      if (typeof text === 'string') assert.equal(refused.text, text);
      else assert.match(refused.text, text);
      assert.deepEqual(await call('ListSecrets', { IncludePlannedDeletion: true }), { SecretList: [] });
    });

  test('takes a value of exactly 65,536 bytes, text or binary, and gives it back', async () => {
    const { call } = await openFace();
    const text = 'ä'.repeat(32_768);
    await call('CreateSecret', { Name: 'text', ClientRequestToken: token('t'), SecretString: text });
    assert.equal((await call('GetSecretValue', { SecretId: 'text' })).SecretString, text);
    const binary = Buffer.alloc(65_536, 0xfe).toString('base64');
    await call('CreateSecret', { Name: 'binary', ClientRequestToken: token('t'), SecretBinary: binary });
    assert.equal((await call('GetSecretValue', { SecretId: 'binary' })).SecretBinary, binary);
  });
});

describe('UpdateSecret', () => {
  test('changes what is kept beside the value, and leaves what it does not name', async () => {
    const { call } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('one'), SecretString: 'v', Description: 'd' });
    const more = { KmsKeyId: 'alias/other', Type: 'Other' };
    await call('UpdateSecret', { SecretId: 'a', ClientRequestToken: token('u'), ...more });
    const described = (await call('DescribeSecret', { SecretId: 'a' })) as unknown as Record<string, string>;
    assert.deepEqual([described.KmsKeyId, described.Type, described.Description], ['alias/other', 'Other', 'd']);
  });

  test('without a value changes metadata only and names no version', async () => {
    const { call, clock } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v', Description: 'old' });
    await clock.advance(5);
    const updated = await call('UpdateSecret', { SecretId: 'a', ClientRequestToken: token('u'), Description: 'new' });
    assert.deepEqual(Object.keys(updated), ['ARN', 'Name']);
    const described = await call('DescribeSecret', { SecretId: 'a' });
    assert.equal(described.Description, 'new');
    assert.equal(described.LastChangedDate, clock.now() / 1000);
    assert.deepEqual(Object.keys(described.VersionIdsToStages), [token('t')]);
  });

  test('with a value makes a new current version, also for the same value; a repeated token changes nothing', async () => {
    const { call, refusal } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('one'), SecretString: 'v' });
    const update = { SecretId: 'a', ClientRequestToken: token('two'), SecretString: 'v' };
    assert.equal((await call('UpdateSecret', update)).VersionId, token('two'));
    assert.equal((await call('UpdateSecret', update)).VersionId, token('two'));
    assert.deepEqual((await call('DescribeSecret', { SecretId: 'a' })).VersionIdsToStages, {
      [token('one')]: ['AWSPREVIOUS'],
      [token('two')]: ['AWSCURRENT'],
    });
    assert.equal((await refusal('UpdateSecret', { ...update, SecretString: 'other' })).type, 'ResourceExistsException');
    assert.equal((await refusal('UpdateSecret', { SecretId: 'a', Description: 'd' })).type, 'InvalidRequestException');
  });
});

describe('DeleteSecret and RestoreSecret', () => {
  test('a secret marked for deletion is described, and refused to everybody else, until it is restored', async () => {
    const { call, refusal, clock } = await openFace();
    const created = await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    const deleted = await call('DeleteSecret', { SecretId: 'a', RecoveryWindowInDays: 7 });
    assert.deepEqual(deleted, { ...named(created), DeletionDate: (clock.now() + 7 * DAY) / 1000 });
    assert.equal((await call('DescribeSecret', { SecretId: 'a' })).DeletedDate, clock.now() / 1000);
    const refused: [string, object][] = [
      ['GetSecretValue', {}],
      ['PutSecretValue', { ClientRequestToken: token('u'), SecretString: 'w' }],
      ['UpdateSecret', { ClientRequestToken: token('u'), Description: 'd' }],
      ['RotateSecret', { ClientRequestToken: token('u') }],
      ['CancelRotateSecret', {}],
      ['TagResource', { Tags: [{ Key: 'k', Value: 'v' }] }],
      ['UntagResource', { TagKeys: ['k'] }],
      ['UpdateSecretVersionStage', { VersionStage: 'S', MoveToVersionId: token('t') }],
      ['DeleteSecret', {}],
    ];
    for (const [operation, input] of refused)
      assert.deepEqual(
        await refusal(operation, { SecretId: 'a', ...input }),
        { status: 400, type: 'InvalidRequestException', text: DELETED },
        operation,
      );
    assert.deepEqual(await call('ListSecrets', {}), { SecretList: [] });
    assert.equal((await call('ListSecrets', { IncludePlannedDeletion: true })).SecretList.length, 1);
    assert.deepEqual(await call('RestoreSecret', { SecretId: 'a' }), named(created));
    assert.equal((await call('DescribeSecret', { SecretId: 'a' })).DeletedDate, undefined);
    assert.equal((await call('GetSecretValue', { SecretId: 'a' })).SecretString, 'v');
  });

  test('the window is 30 days unless told, and the secret is gone for good behind it, not a moment before', async () => {
    const { call, clock, service, refusal, engine } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    const { DeletionDate } = await call('DeleteSecret', { SecretId: 'a' });
    assert.equal(DeletionDate, (clock.now() + 30 * DAY) / 1000);
    const [purge] = service.jobs;
    await clock.advance(30 * DAY - 1);
    await purge!.run();
    assert.equal((await call('DescribeSecret', { SecretId: 'a' })).Name, 'a');
    await clock.advance(1);
    await purge!.run();
    assert.equal((await refusal('DescribeSecret', { SecretId: 'a' })).type, 'ResourceNotFoundException');
    for (const collection of ['secret', 'name', 'value', 'holder'] as const)
      assert.equal(await engine.store.count(collection), 0, collection);
  });

  test('by force works on a marked secret and on none at all', async () => {
    const { call, refusal, clock } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    await call('DeleteSecret', { SecretId: 'a' });
    await call('DeleteSecret', { SecretId: 'a', ForceDeleteWithoutRecovery: true });
    assert.equal((await refusal('DescribeSecret', { SecretId: 'a' })).type, 'ResourceNotFoundException');
    const unknown = await call('DeleteSecret', { SecretId: 'never', ForceDeleteWithoutRecovery: true });
    assert.match(unknown.ARN, /:secret:never-[A-Za-z0-9]{6}$/);
    assert.deepEqual([unknown.Name, unknown.DeletionDate], ['never', clock.now() / 1000]);
    assert.deepEqual(await refusal('DeleteSecret', { SecretId: 'never' }), {
      status: 400,
      type: 'ResourceNotFoundException',
      text: "Secrets Manager can't find the specified secret.",
    });
  });

  const REFUSED: readonly [object, string][] = [
    [{ RecoveryWindowInDays: 6 }, 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).'],
    [{ RecoveryWindowInDays: 31 }, 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).'],
    [
      { RecoveryWindowInDays: 7, ForceDeleteWithoutRecovery: true },
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays. Specify only one of them.",
    ],
  ];
  for (const [input, text] of REFUSED)
    test(`${JSON.stringify(input)} is refused`, async () => {
      const { refusal } = await openFace();
      assert.deepEqual(await refusal('DeleteSecret', { SecretId: 'a', ...input }), {
        status: 400,
        type: 'InvalidParameterException',
        text,
      });
    });

  test('restoring a secret that is alive changes nothing', async () => {
    const { call } = await openFace();
    const created = await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    assert.deepEqual(await call('RestoreSecret', { SecretId: 'a' }), named(created));
  });
});

describe('TagResource and UntagResource', () => {
  test('answer with nothing, keep the order, put the same key over, and leave an empty list behind', async () => {
    const { call, face } = await openFace();
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
    const tags = async () => (await call('DescribeSecret', { SecretId: 'a' })).Tags;
    assert.equal(await tags(), undefined);
    const two = [
      { Key: 'b', Value: '1' },
      { Key: 'a', Value: '2' },
    ];
    const answer = await face.handle(requestOf('TagResource', { SecretId: 'a', Tags: two }));
    assert.deepEqual([answer.status, answer.body], [200, '']);
    await call('TagResource', { SecretId: 'a', Tags: [{ Key: 'b', Value: '3' }] });
    assert.deepEqual(await tags(), [
      { Key: 'b', Value: '3' },
      { Key: 'a', Value: '2' },
    ]);
    await call('UntagResource', { SecretId: 'a', TagKeys: ['a', 'b', 'never'] });
    assert.deepEqual(await tags(), []);
  });

  test('a secret carries 50 tags and no more, over several requests too', async () => {
    const { call, refusal } = await openFace();
    const tags = (from: number, to: number) =>
      Array.from({ length: to - from }, (_, n) => ({ Key: `k${from + n}`, Value: '' }));
    await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), Tags: tags(0, 40) });
    await call('TagResource', { SecretId: 'a', Tags: tags(40, 50) });
    await call('TagResource', { SecretId: 'a', Tags: tags(0, 50) });
    const refused = await refusal('TagResource', { SecretId: 'a', Tags: tags(50, 51) });
    assert.equal(refused.type, 'InvalidParameterException');
  });
});

describe('a SecretId', () => {
  test('is the name, the full ARN, or the ARN without its suffix; the full ARN wins where both could be meant', async () => {
    const { call, refusal } = await openFace();
    const short = await call('CreateSecret', { Name: 'db', ClientRequestToken: token('t'), SecretString: 'short' });
    const suffix = short.ARN.slice(-7);
    await call('CreateSecret', { Name: `db${suffix}`, ClientRequestToken: token('t'), SecretString: 'long' });
    const read = async (SecretId: string) => (await call('GetSecretValue', { SecretId })).SecretString;
    assert.equal(await read('db'), 'short');
    assert.equal(await read(short.ARN), 'short');
    assert.equal(await read(short.ARN.slice(0, -7)), 'short');
    assert.equal(await read(`db${suffix}`), 'long');
    const elsewhere = short.ARN.replace('us-east-1', 'eu-west-1');
    assert.equal((await refusal('GetSecretValue', { SecretId: elsewhere })).type, 'ResourceNotFoundException');
  });

  const OPERATIONS: readonly [string, object][] = [
    ['DeleteSecret', { ForceDeleteWithoutRecovery: true }],
    ['DescribeSecret', {}],
    ['GetSecretValue', {}],
    ['ListSecretVersionIds', {}],
    ['PutSecretValue', { ClientRequestToken: token('t'), SecretString: 'v' }],
    ['TagResource', { Tags: [] }],
    ['UntagResource', { TagKeys: [] }],
    ['UpdateSecret', { ClientRequestToken: token('t') }],
  ];
  for (const [operation, input] of OPERATIONS)
    test(`with characters no name may have is refused by ${operation}; one that is not there is not found`, async () => {
      const { refusal } = await openFace();
      assert.deepEqual(await refusal(operation, { ...input, SecretId: 'no such name?' }), {
        status: 400,
        type: 'ValidationException',
        text: 'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
      });
      if (operation === 'DeleteSecret') return;
      assert.deepEqual(await refusal(operation, { ...input, SecretId: 'unknown' }), {
        status: 400,
        type: 'ResourceNotFoundException',
        text: "Secrets Manager can't find the specified secret.",
      });
    });
});

test('GetResourcePolicy says that a secret has none', async () => {
  const { call } = await openFace();
  const created = await call('CreateSecret', { Name: 'a', ClientRequestToken: token('t'), SecretString: 'v' });
  assert.deepEqual(await call('GetResourcePolicy', { SecretId: 'a' }), named(created));
});

function named({ ARN, Name }: Pick<WireAnswer, 'ARN' | 'Name'>) {
  return { ARN, Name };
}
