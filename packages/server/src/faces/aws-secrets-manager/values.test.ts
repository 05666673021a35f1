import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { openFace, type TestFace, token, type WireAnswer } from './testing.ts';

const DAY = 86_400_000;
const HOUR = 3_600_000;

async function withSecret(values: readonly string[] = ['one']): Promise<TestFace & { arn: string }> {
  const face = await openFace();
  const [first, ...others] = values;
  const { ARN } = await face.call('CreateSecret', {
    Name: 'a',
    ClientRequestToken: token(first!),
    SecretString: first,
  });
  for (const value of others) await put(face, value);
  return { ...face, arn: ARN };
}

function put({ call }: TestFace, value: string, stages?: readonly string[]) {
  const input = { SecretId: 'a', ClientRequestToken: token(value), SecretString: value };
  return call('PutSecretValue', stages === undefined ? input : { ...input, VersionStages: stages });
}

async function stages({ call }: TestFace) {
  return (await call('DescribeSecret', { SecretId: 'a' })).VersionIdsToStages;
}

describe('GetSecretValue', () => {
  test('gives current by neither id nor label, and any version by its id, label or both', async () => {
    const face = await withSecret(['one', 'two', 'three']);
    const read = async (choice: object) =>
      (await face.call('GetSecretValue', { SecretId: 'a', ...choice })).SecretString;
    assert.equal(await read({}), 'three');
    assert.equal(await read({ VersionStage: 'AWSPREVIOUS' }), 'two');
    assert.equal(await read({ VersionId: token('one') }), 'one');
    assert.equal(await read({ VersionId: token('two'), VersionStage: 'AWSPREVIOUS' }), 'two');
    const whole = await face.call('GetSecretValue', { SecretId: 'a' });
    assert.deepEqual(whole, {
      ARN: face.arn,
      Name: 'a',
      VersionId: token('three'),
      SecretString: 'three',
      VersionStages: ['AWSCURRENT'],
      CreatedDate: face.clock.now() / 1000,
    });
    const unlabelled = await face.call('GetSecretValue', { SecretId: 'a', VersionId: token('one') });
    assert.equal('VersionStages' in unlabelled, false);
  });

  test('says what it cannot find, and what does not belong together', async () => {
    const { refusal } = await withSecret(['one', 'two']);
    const text = async (choice: object) => refusal('GetSecretValue', { SecretId: 'a', ...choice });
    assert.deepEqual(await text({ VersionId: token('never') }), {
      status: 400,
      type: 'ResourceNotFoundException',
      text: `Secrets Manager can't find the specified secret value for VersionId: ${token('never')}`,
    });
    assert.deepEqual(await text({ VersionStage: 'AWSPENDING' }), {
      status: 400,
      type: 'ResourceNotFoundException',
      text: "Secrets Manager can't find the specified secret value for staging label: AWSPENDING",
    });
    assert.deepEqual(await text({ VersionId: token('two'), VersionStage: 'AWSPREVIOUS' }), {
      status: 400,
      type: 'InvalidRequestException',
      text: 'You provided a VersionStage that is not associated to the provided VersionId.',
    });
  });

  test('marks the day of the last read on secret and version, by day; describing is not reading', async () => {
    const face = await withSecret(['one', 'two']);
    const dates = async () => {
      await face.holders.flush();
      const { LastAccessedDate } = await face.call('DescribeSecret', { SecretId: 'a' });
      const { Versions } = await face.call('ListSecretVersionIds', { SecretId: 'a' });
      return [LastAccessedDate, ...Versions.map((version) => version.LastAccessedDate)];
    };
    assert.deepEqual(await dates(), [undefined, undefined, undefined]);
    await face.clock.advance(5 * HOUR);
    await face.call('GetSecretValue', { SecretId: 'a', VersionStage: 'AWSPREVIOUS' });
    const today = Math.floor(face.clock.now() / DAY) * DAY;
    assert.deepEqual(await dates(), [today / 1000, today / 1000, undefined]);
  });
});

describe('PutSecretValue', () => {
  test('attaches current unless told, moves it and previous along, and answers with all labels of the version', async () => {
    const face = await withSecret(['one']);
    assert.deepEqual(await put(face, 'two'), {
      ARN: face.arn,
      Name: 'a',
      VersionId: token('two'),
      VersionStages: ['AWSCURRENT'],
    });
    await put(face, 'three');
    assert.deepEqual(await stages(face), { [token('two')]: ['AWSPREVIOUS'], [token('three')]: ['AWSCURRENT'] });
    assert.deepEqual((await put(face, 'four', ['MINE', 'AWSSOMETHING'])).VersionStages, ['MINE', 'AWSSOMETHING']);
    await put(face, 'five', ['MINE']);
    assert.deepEqual(await stages(face), {
      [token('two')]: ['AWSPREVIOUS'],
      [token('three')]: ['AWSCURRENT'],
      [token('four')]: ['AWSSOMETHING'],
      [token('five')]: ['MINE'],
    });
  });

  test('the first version of a secret with a value is current whatever was asked', async () => {
    const face = await openFace();
    await face.call('CreateSecret', { Name: 'a', ClientRequestToken: token('t') });
    assert.deepEqual((await put(face, 'one', ['MINE'])).VersionStages, ['MINE', 'AWSCURRENT']);
  });

  test('current and pending on one version: when it loses current it keeps previous only', async () => {
    const face = await withSecret(['one']);
    await put(face, 'two', ['AWSCURRENT', 'AWSPENDING']);
    await put(face, 'three');
    assert.deepEqual((await stages(face))[token('two')], ['AWSPREVIOUS']);
  });

  test('repeated with the same token is done already for the same value, and refused for another', async () => {
    const face = await withSecret(['one']);
    const first = await put(face, 'two');
    await put(face, 'three');
    assert.deepEqual(await put(face, 'two'), { ...first, VersionStages: ['AWSPREVIOUS'] });
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'three');
    const other = { SecretId: 'a', ClientRequestToken: token('two'), SecretString: 'other' };
    assert.deepEqual(await face.refusal('PutSecretValue', other), {
      status: 400,
      type: 'ResourceExistsException',
      text: `You can't use ClientRequestToken ${token('two')} because that value is already in use for a version of secret ${face.arn}.`,
    });
  });

  test('takes a RotationToken, which gives nobody more than the signature does', async () => {
    const face = await withSecret(['one']);
    const wish = { SecretId: 'a', ClientRequestToken: token('two'), SecretString: 'two' };
    await face.call('PutSecretValue', { ...wish, RotationToken: 'r'.repeat(36) });
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'two');
    const short = { ...wish, ClientRequestToken: token('three'), RotationToken: 'r'.repeat(35) };
    assert.equal((await face.refusal('PutSecretValue', short)).type, 'ValidationException');
  });

  test('needs a value and a token', async () => {
    const { refusal } = await withSecret();
    assert.deepEqual(await refusal('PutSecretValue', { SecretId: 'a', ClientRequestToken: token('t') }), {
      status: 400,
      type: 'InvalidRequestException',
      text: 'You must provide either SecretString or SecretBinary.',
    });
    assert.deepEqual(await refusal('PutSecretValue', { SecretId: 'unknown', SecretString: 'v' }), {
      status: 400,
      type: 'InvalidRequestException',
      text: 'You must provide a ClientRequestToken value. We recommend a UUID-type value.',
    });
  });

  test('by many at once keeps every value, one current and one previous', async () => {
    const face = await withSecret(['one']);
    await Promise.all(Array.from({ length: 60 }, (_, index) => put(face, `value-${index}`)));
    const { Versions } = await face.call('ListSecretVersionIds', { SecretId: 'a', IncludeDeprecated: true });
    assert.equal(Versions.length, 61);
    assert.deepEqual(
      Object.values(await stages(face))
        .flat()
        .toSorted(),
      ['AWSCURRENT', 'AWSPREVIOUS'],
    );
  });

  test('beyond about a hundred versions the oldest unlabelled ones go, but none younger than a day', async () => {
    const face = await withSecret(['one']);
    const count = async () => (await all(face)).length;
    await put(face, 'kept', ['MINE']);
    for (let index = 0; index < 118; index += 1) await put(face, `v${index}`);
    assert.equal(await count(), 120);
    await face.clock.advance(DAY);
    await put(face, 'last');
    assert.equal(await count(), 100);
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a', VersionStage: 'MINE' })).SecretString, 'kept');
    const gone = await face.refusal('GetSecretValue', { SecretId: 'a', VersionId: token('one') });
    assert.equal(gone.type, 'ResourceNotFoundException');
    assert.equal(await face.engine.store.count('value'), 100);
  });

  async function all({ call }: TestFace): Promise<readonly unknown[]> {
    const found: unknown[] = [];
    let NextToken: string | undefined;
    do {
      const page: WireAnswer = await call('ListSecretVersionIds', {
        SecretId: 'a',
        IncludeDeprecated: true,
        ...(NextToken && { NextToken }),
      });
      found.push(...page.Versions);
      NextToken = page.NextToken;
    } while (NextToken !== undefined);
    return found;
  }
});

describe('UpdateSecretVersionStage', () => {
  const move = (face: TestFace, input: object) => face.call('UpdateSecretVersionStage', { SecretId: 'a', ...input });
  const refused = (face: TestFace, input: object) =>
    face.refusal('UpdateSecretVersionStage', { SecretId: 'a', ...input });

  test('moving current back gives previous to the version that lost it', async () => {
    const face = await withSecret(['one', 'two']);
    const answer = await move(face, {
      VersionStage: 'AWSCURRENT',
      MoveToVersionId: token('one'),
      RemoveFromVersionId: token('two'),
    });
    assert.deepEqual(answer, { ARN: face.arn, Name: 'a' });
    assert.deepEqual(await stages(face), { [token('one')]: ['AWSCURRENT'], [token('two')]: ['AWSPREVIOUS'] });
  });

  test('moving current onto the pending version leaves both labels on it', async () => {
    const face = await withSecret(['one']);
    await put(face, 'two', ['AWSPENDING']);
    await move(face, { VersionStage: 'AWSCURRENT', MoveToVersionId: token('two'), RemoveFromVersionId: token('one') });
    assert.deepEqual(await stages(face), {
      [token('one')]: ['AWSPREVIOUS'],
      [token('two')]: ['AWSPENDING', 'AWSCURRENT'],
    });
  });

  test('custom labels come, move and go', async () => {
    const face = await withSecret(['one', 'two']);
    await move(face, { VersionStage: 'MINE', MoveToVersionId: token('one') });
    await move(face, { VersionStage: 'MINE', MoveToVersionId: token('one') });
    await move(face, { VersionStage: 'MINE', MoveToVersionId: token('two'), RemoveFromVersionId: token('one') });
    assert.deepEqual((await stages(face))[token('two')], ['AWSCURRENT', 'MINE']);
    await move(face, { VersionStage: 'MINE', RemoveFromVersionId: token('two') });
    assert.deepEqual((await stages(face))[token('two')], ['AWSCURRENT']);
  });

  test('labels that look like our own words are kept apart from AWS’s', async () => {
    const face = await withSecret(['one', 'two']);
    await move(face, { VersionStage: 'current', MoveToVersionId: token('one') });
    assert.deepEqual(await stages(face), {
      [token('one')]: ['AWSPREVIOUS', 'current'],
      [token('two')]: ['AWSCURRENT'],
    });
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a', VersionStage: 'current' })).SecretString, 'one');
    assert.equal((await face.call('GetSecretValue', { SecretId: 'a' })).SecretString, 'two');
  });

  const REFUSED: readonly [string, object, string, string][] = [
    [
      'a move that does not name the holder',
      { VersionStage: 'AWSCURRENT', MoveToVersionId: token('one') },
      'InvalidParameterException',
      `The parameter RemoveFromVersionId can't be empty. Staging label AWSCURRENT is currently attached to version ${token('two')}, so you must explicitly reference that version in RemoveFromVersionId.`,
    ],
    [
      'a move from another version than the holder',
      { VersionStage: 'AWSPREVIOUS', MoveToVersionId: token('three'), RemoveFromVersionId: token('two') },
      'InvalidParameterException',
      `The parameter RemoveFromVersionId is not valid. Staging label AWSPREVIOUS is currently attached to version ${token('one')}, so you must explicitly reference that version in RemoveFromVersionId.`,
    ],
    [
      'taking current away',
      { VersionStage: 'AWSCURRENT', RemoveFromVersionId: token('two') },
      'InvalidParameterException',
      "You can only move staging label AWSCURRENT to a different secret version. It can't be completely removed.",
    ],
    [
      'taking a label off a version that has it not',
      { VersionStage: 'MINE', RemoveFromVersionId: token('two') },
      'InvalidParameterException',
      `Staging label MINE is not attached to version ${token('two')}.`,
    ],
    [
      'a move to a version that is not there',
      { VersionStage: 'MINE', MoveToVersionId: token('never') },
      'ResourceNotFoundException',
      `Secrets Manager can't find the specified secret value for VersionId: ${token('never')}`,
    ],
    [
      'neither from nor to',
      { VersionStage: 'MINE' },
      'InvalidParameterException',
      'You must specify MoveToVersionId, RemoveFromVersionId or both.',
    ],
  ];
  for (const [what, input, type, text] of REFUSED)
    test(`${what} is refused and changes nothing`, async () => {
      const face = await withSecret(['one', 'two']);
      await put(face, 'three', ['OTHER']);
      const before = await stages(face);
      assert.deepEqual(await refused(face, input), { status: 400, type, text });
      assert.deepEqual(await stages(face), before);
    });

  test('a version carries 20 labels and no more', async () => {
    const face = await withSecret(['one']);
    for (let index = 0; index < 19; index += 1)
      await move(face, { VersionStage: `L${index}`, MoveToVersionId: token('one') });
    const { type } = await refused(face, { VersionStage: 'L19', MoveToVersionId: token('one') });
    assert.equal(type, 'LimitExceededException');
  });
});

describe('ListSecretVersionIds', () => {
  test('shows labelled versions, on request the others too, with the name AWS gives to its default key', async () => {
    const face = await withSecret(['one', 'two', 'three']);
    const created = face.clock.now() / 1000;
    const entry = (value: string, labels: readonly string[]) => ({
      VersionId: token(value),
      ...(labels.length > 0 && { VersionStages: labels }),
      CreatedDate: created,
      KmsKeyIds: ['DefaultEncryptionKey'],
    });
    const labelled = [entry('two', ['AWSPREVIOUS']), entry('three', ['AWSCURRENT'])];
    const byId = (versions: readonly object[]) =>
      versions.toSorted((a, b) => (JSON.stringify(a) < JSON.stringify(b) ? -1 : 1));
    const listed = await face.call('ListSecretVersionIds', { SecretId: 'a' });
    assert.deepEqual(byId(listed.Versions), byId(labelled));
    assert.deepEqual([listed.ARN, listed.Name, listed.NextToken], [face.arn, 'a', undefined]);
    const everything = await face.call('ListSecretVersionIds', { SecretId: 'a', IncludeDeprecated: true });
    assert.deepEqual(byId(everything.Versions), byId([...labelled, entry('one', [])]));
  });

  test('goes on from page to page, each version once, while others come', async () => {
    const face = await withSecret(['one']);
    for (let index = 0; index < 5; index += 1) {
      await face.clock.advance(1);
      await put(face, `v${index}`, [`L${index}`]);
    }
    const first = await face.call('ListSecretVersionIds', { SecretId: 'a', MaxResults: 2 });
    await put(face, 'later', ['LATER']);
    const second = await face.call('ListSecretVersionIds', {
      SecretId: 'a',
      MaxResults: 100,
      NextToken: first.NextToken,
    });
    const ids = [...first.Versions, ...second.Versions].map(({ VersionId }) => VersionId);
    assert.deepEqual(ids.toSorted(), ['one', 'v0', 'v1', 'v2', 'v3', 'v4', 'later'].map(token).toSorted());
    const elsewhere = { SecretId: 'a', IncludeDeprecated: true, NextToken: first.NextToken };
    assert.equal((await face.refusal('ListSecretVersionIds', elsewhere)).type, 'InvalidNextTokenException');
  });
});

describe('BatchGetSecretValue', () => {
  test('gives what can be had and says of each other why not', async () => {
    const face = await withSecret(['one']);
    await face.call('CreateSecret', { Name: 'empty', ClientRequestToken: token('t') });
    await face.call('CreateSecret', { Name: 'gone', ClientRequestToken: token('t'), SecretString: 'v' });
    await face.call('DeleteSecret', { SecretId: 'gone' });
    const { SecretValues, Errors } = await face.call('BatchGetSecretValue', {
      SecretIdList: ['a', 'never', 'empty', 'gone', 'bad name'],
    });
    assert.deepEqual(SecretValues, [await face.call('GetSecretValue', { SecretId: 'a' })]);
    const expected = [
      ['never', 'ResourceNotFoundException'],
      ['empty', 'ResourceNotFoundException'],
      ['gone', 'InvalidRequestException'],
      ['bad name', 'ValidationException'],
    ];
    assert.deepEqual(
      Errors.map(({ SecretId, ErrorCode }) => [SecretId, ErrorCode]),
      expected,
    );
    for (const { SecretId, ErrorCode, Message } of Errors) {
      const { type, text } = await face.refusal('GetSecretValue', { SecretId });
      assert.deepEqual([ErrorCode, Message], [type, text]);
    }
  });

  test('by filters goes from page to page', async () => {
    const face = await openFace();
    for (let index = 0; index < 25; index += 1) {
      await face.clock.advance(1);
      await face.call('CreateSecret', {
        Name: `app/${index}`,
        ClientRequestToken: token('t'),
        SecretString: String(index),
      });
    }
    await face.call('CreateSecret', { Name: 'other', ClientRequestToken: token('t'), SecretString: 'x' });
    const Filters = [{ Key: 'name', Values: ['app/'] }];
    const first = await face.call('BatchGetSecretValue', { Filters });
    assert.equal(first.SecretValues.length, 20);
    const second = await face.call('BatchGetSecretValue', { Filters, NextToken: first.NextToken });
    assert.equal(second.SecretValues.length, 5);
    assert.equal(second.NextToken, undefined);
    const elsewhere = await face.refusal('ListSecrets', { Filters, NextToken: first.NextToken });
    assert.equal(elsewhere.type, 'InvalidNextTokenException');
  });

  for (const input of [
    {},
    { SecretIdList: ['a'], Filters: [{ Key: 'name', Values: ['a'] }] },
    { SecretIdList: ['a'], MaxResults: 5 },
  ])
    test(`${JSON.stringify(input)} is refused`, async () => {
      const { refusal } = await openFace();
      assert.equal((await refusal('BatchGetSecretValue', input)).type, 'InvalidParameterException');
    });
});
