import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import fc from 'fast-check';
import { openFace, type TestFace, token, type WireAnswer } from './testing.ts';

async function withSecrets(names: readonly string[]): Promise<TestFace> {
  const face = await openFace();
  for (const name of names) {
    await face.clock.advance(1);
    await face.call('CreateSecret', { Name: name, ClientRequestToken: token('t'), SecretString: name });
  }
  return face;
}

const namesOf = ({ SecretList }: WireAnswer) => SecretList.map(({ Name }) => Name);

async function everyPage({ call }: TestFace, input: object): Promise<readonly string[]> {
  const names: string[] = [];
  let NextToken: string | undefined;
  do {
    const page: WireAnswer = await call('ListSecrets', { ...input, ...(NextToken && { NextToken }) });
    names.push(...namesOf(page));
    NextToken = page.NextToken;
  } while (NextToken !== undefined);
  return names;
}

describe('ListSecrets', () => {
  test('lists by creation, oldest first, unless told, and shows a secret as DescribeSecret does', async () => {
    const face = await withSecrets(['c', 'a', 'b']);
    const listed = await face.call('ListSecrets', {});
    assert.deepEqual(namesOf(listed), ['c', 'a', 'b']);
    assert.deepEqual(Object.keys(listed), ['SecretList']);
    const { VersionIdsToStages, ...described } = await face.call('DescribeSecret', { SecretId: 'c' });
    assert.deepEqual(listed.SecretList[0], { ...described, SecretVersionsToStages: VersionIdsToStages });
    assert.deepEqual(namesOf(await face.call('ListSecrets', { SortOrder: 'desc' })), ['b', 'a', 'c']);
    assert.deepEqual(namesOf(await face.call('ListSecrets', { SortBy: 'name' })), ['a', 'b', 'c']);
    assert.deepEqual(namesOf(await face.call('ListSecrets', { SortBy: 'name', SortOrder: 'desc' })), ['c', 'b', 'a']);
  });

  test('sorts by last change and by last access', async () => {
    const face = await withSecrets(['a', 'b', 'c']);
    await face.clock.advance(1);
    await face.call('UpdateSecret', { SecretId: 'b', ClientRequestToken: token('u'), Description: 'd' });
    assert.deepEqual(namesOf(await face.call('ListSecrets', { SortBy: 'last-changed-date' })), ['a', 'c', 'b']);
    await face.clock.advance(86_400_000);
    await face.call('GetSecretValue', { SecretId: 'a' });
    await face.holders.flush();
    const byAccess = namesOf(await face.call('ListSecrets', { SortBy: 'last-accessed-date', SortOrder: 'desc' }));
    assert.equal(byAccess[0], 'a');
  });

  for (const order of [
    {},
    { SortOrder: 'desc' },
    { SortBy: 'name' },
    { SortBy: 'name', SortOrder: 'desc' },
    { SortBy: 'last-changed-date' },
  ])
    test(`gives every secret once over pages of every size, ${JSON.stringify(order)}`, async () => {
      const names = Array.from({ length: 23 }, (_, index) => `s${(index * 7) % 23}`);
      const face = await withSecrets(names);
      const whole = namesOf(await face.call('ListSecrets', order));
      for (const MaxResults of [1, 2, 7, 22, 23, 24])
        assert.deepEqual(await everyPage(face, { ...order, MaxResults }), whole, `pages of ${MaxResults}`);
    });

  test('a token stays right while secrets come and go: what was there throughout is listed exactly once', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.constantFrom('name', 'created-date'),
        fc.array(fc.record({ gone: fc.nat(19), page: fc.integer({ min: 1, max: 6 }) }), { maxLength: 6 }),
        async (SortBy, steps) => {
          const face = await withSecrets(Array.from({ length: 20 }, (_, index) => `s${index}`));
          const gone = new Set<string>();
          const listed: string[] = [];
          let answer: WireAnswer = await face.call('ListSecrets', { SortBy, MaxResults: 3 });
          listed.push(...namesOf(answer));
          for (const [index, step] of steps.entries()) {
            if (answer.NextToken === undefined) break;
            gone.add(`s${step.gone}`);
            await face.call('DeleteSecret', { SecretId: `s${step.gone}`, ForceDeleteWithoutRecovery: true });
            await face.call('CreateSecret', { Name: `new${index}`, ClientRequestToken: token('t') });
            answer = await face.call('ListSecrets', { SortBy, MaxResults: step.page, NextToken: answer.NextToken });
            listed.push(...namesOf(answer));
          }
          if (answer.NextToken !== undefined) {
            answer = await face.call('ListSecrets', { SortBy, NextToken: answer.NextToken });
            listed.push(...namesOf(answer));
          }
          assert.equal(new Set(listed).size, listed.length, 'none twice');
          for (let index = 0; index < 20; index += 1)
            if (!gone.has(`s${index}`)) assert.ok(listed.includes(`s${index}`), `s${index} is listed`);
        },
      ),
      { numRuns: 25 },
    );
  });

  test('a token is good for its own question only, and no other text is a token', async () => {
    const face = await withSecrets(['a', 'b', 'c']);
    const { NextToken } = await face.call('ListSecrets', { MaxResults: 1 });
    assert.deepEqual(namesOf(await face.call('ListSecrets', { MaxResults: 50, NextToken })), ['b', 'c']);
    const bytes = Buffer.from(NextToken!, 'base64url');
    bytes[bytes.length - 1]! ^= 1;
    for (const input of [
      { NextToken, SortBy: 'name' },
      { NextToken, SortOrder: 'desc' },
      { NextToken, IncludePlannedDeletion: true },
      { NextToken, Filters: [{ Key: 'name', Values: ['a'] }] },
      { NextToken: bytes.toString('base64url') },
      { NextToken: `${NextToken}=` },
      { NextToken: 'x' },
    ]) {
      const { type, status } = await face.refusal('ListSecrets', input);
      assert.deepEqual([type, status], ['InvalidNextTokenException', 400], JSON.stringify(input));
    }
  });

  test('a filter lacks neither key nor values', async () => {
    const { refusal } = await openFace();
    assert.deepEqual(await refusal('ListSecrets', { Filters: [{ Values: ['a'] }] }), {
      status: 400,
      type: 'InvalidParameterException',
      text: 'Invalid filter key',
    });
    assert.deepEqual(await refusal('ListSecrets', { Filters: [{ Key: 'description' }] }), {
      status: 400,
      type: 'InvalidParameterException',
      text: 'Invalid filter values for key: description',
    });
  });

  test('filters combine over pages', async () => {
    const face = await withSecrets(
      Array.from({ length: 450 }, (_, index) => (index % 90 === 0 ? `hit/${index}` : `s${index}`)),
    );
    const Filters = [
      { Key: 'name', Values: ['hit/'] },
      { Key: 'name', Values: ['!hit/90'] },
    ];
    assert.deepEqual(await everyPage(face, { Filters, MaxResults: 2 }), ['hit/0', 'hit/180', 'hit/270', 'hit/360']);
  });
});
