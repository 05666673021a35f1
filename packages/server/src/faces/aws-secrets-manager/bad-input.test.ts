import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Members, Shape } from '../aws-shapes/shape.ts';
import { INPUTS } from './inputs.ts';
import { openFace, token } from './testing.ts';

/** A valid request of every operation, with every member that it may have; each row of the suite spoils one of them. */
const VALID: Readonly<Record<keyof typeof INPUTS, Readonly<Record<string, unknown>>>> = {
  BatchGetSecretValue: { SecretIdList: ['a'] },
  CancelRotateSecret: { SecretId: 'a' },
  CreateSecret: { Name: 'n', ClientRequestToken: token('n'), SecretString: 'v' },
  DeleteResourcePolicy: { SecretId: 'a' },
  DeleteSecret: { SecretId: 'a', RecoveryWindowInDays: 7 },
  DescribeSecret: { SecretId: 'a' },
  GetRandomPassword: {},
  GetResourcePolicy: { SecretId: 'a' },
  GetSecretValue: { SecretId: 'a' },
  ListSecretVersionIds: { SecretId: 'a' },
  ListSecrets: {},
  PutResourcePolicy: { SecretId: 'a', ResourcePolicy: '{}' },
  PutSecretValue: { SecretId: 'a', ClientRequestToken: token('p'), SecretString: 'v' },
  RemoveRegionsFromReplication: { SecretId: 'a', RemoveReplicaRegions: ['eu-west-1'] },
  ReplicateSecretToRegions: { SecretId: 'a', AddReplicaRegions: [{ Region: 'eu-west-1' }] },
  RestoreSecret: { SecretId: 'a' },
  RotateSecret: { SecretId: 'a', ClientRequestToken: token('r') },
  StopReplicationToReplica: { SecretId: 'a' },
  TagResource: { SecretId: 'a', Tags: [{ Key: 'k', Value: 'v' }] },
  UntagResource: { SecretId: 'a', TagKeys: ['k'] },
  UpdateSecret: { SecretId: 'a', ClientRequestToken: token('u') },
  UpdateSecretVersionStage: { SecretId: 'a', VersionStage: 'S' },
  ValidateResourcePolicy: { ResourcePolicy: '{}' },
};

interface Spoiled {
  readonly how: string;
  readonly value: unknown;
  readonly type: 'ValidationException' | 'SerializationException';
  readonly text: RegExp;
}

const ENUM = 'Member must satisfy enum value set:';
const PATTERN = 'Member must satisfy regular expression pattern:';
const LONG = { length: 'have length', value: 'have value' };

/** Every way in which a value can break the shape of its member. */
function* spoiled(shape: Shape): Generator<Spoiled> {
  yield* wrongTypes(shape);
  if (shape.kind === 'list') yield* spoiledList(shape);
  else if (shape.kind === 'text') yield* spoiledText(shape);
  else if (shape.kind === 'blob') yield* spoiledBlob(shape);
  else if (shape.kind === 'structure') yield* spoiledMembers(shape.members, (value) => value);
  else if (shape.kind !== 'flag') yield* spoiledNumber(shape);
}

function* wrongTypes({ kind }: Shape): Generator<Spoiled> {
  const values = { string: 'x', number: 1.5, boolean: true, array: ['x'], object: { x: 1 } };
  const right = { text: 'string', blob: 'string', flag: 'boolean', list: 'array', structure: 'object' };
  for (const [name, value] of Object.entries(values)) {
    if (name === right[kind as keyof typeof right]) continue;
    yield { how: `of another type (${name})`, value, type: 'SerializationException', text: /can not be converted to/ };
  }
}

function violation(how: string, value: unknown, constraint: string): Spoiled {
  const escaped = constraint.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
  return {
    how,
    value,
    type: 'ValidationException',
    text: new RegExp(`failed to satisfy constraint:.*${escaped}`, 's'),
  };
}

function* spoiledText({ min, max, pattern, among }: Extract<Shape, { kind: 'text' }>): Generator<Spoiled> {
  if (max !== undefined)
    yield violation('too long', 'a'.repeat(max + 1), `${LONG.length} less than or equal to ${max}`);
  if (min !== undefined && min > 0) {
    yield violation('empty', '', `${LONG.length} greater than or equal to ${min}`);
    if (min > 1) yield violation('too short', 'a'.repeat(min - 1), `${LONG.length} greater than or equal to ${min}`);
  }
  if (pattern !== undefined) yield violation('of other characters', '§'.repeat(Math.max(min ?? 1, 2)), PATTERN);
  if (among !== undefined) yield violation('none of its values', 'no-such-value', ENUM);
  yield { how: 'not well-formed', value: '\ud800', type: 'SerializationException', text: /not well-formed Unicode/ };
}

function* spoiledNumber({ min, max }: Extract<Shape, { kind: 'integer' | 'long' }>): Generator<Spoiled> {
  if (max !== undefined) yield violation('too large', max + 1, `${LONG.value} less than or equal to ${max}`);
  if (min !== undefined) yield violation('too small', min - 1, `${LONG.value} greater than or equal to ${min}`);
  const beyond = { how: 'beyond all numbers', value: 1e300, type: 'SerializationException' } as const;
  yield { ...beyond, text: /can not be converted to/ };
}

function* spoiledBlob({ min, max }: Extract<Shape, { kind: 'blob' }>): Generator<Spoiled> {
  const bytes = (count: number) => Buffer.alloc(count).toString('base64');
  yield violation('too long', bytes(max! + 1), `${LONG.length} less than or equal to ${max}`);
  yield violation('empty', '', `${LONG.length} greater than or equal to ${min}`);
  yield { how: 'no base64', value: '?', type: 'SerializationException', text: /not base64/ };
}

function* spoiledList({ min, max, member }: Extract<Shape, { kind: 'list' }>): Generator<Spoiled> {
  if (min !== undefined) yield violation('empty', [], `${LONG.length} greater than or equal to ${min}`);
  if (max !== undefined) {
    const many = Array.from({ length: max + 1 }, () => valid(member));
    yield violation('of too many', many, `${LONG.length} less than or equal to ${max}`);
  }
  if (member.kind === 'structure') yield* spoiledMembers(member.members, (value) => [value]);
  else for (const one of spoiled(member)) yield { ...one, how: `with one ${one.how}`, value: [one.value] };
}

function* spoiledMembers(members: Members, wrap: (value: object) => unknown): Generator<Spoiled> {
  for (const [name, shape] of Object.entries(members))
    for (const one of spoiled(shape))
      yield { ...one, how: `whose ${name} is ${one.how}`, value: wrap({ [name]: one.value }) };
}

function valid(shape: Shape): unknown {
  if (shape.kind === 'text') return shape.among?.[0] ?? 'a'.repeat(Math.max(shape.min ?? 1, 1));
  return shape.kind === 'structure' ? {} : 1;
}

describe('every member of every operation', () => {
  for (const [operation, { members }] of Object.entries(INPUTS)) {
    const input = VALID[operation as keyof typeof INPUTS];
    for (const [name, shape] of Object.entries(members as Members))
      test(`${operation}.${name} is refused in AWS's words when it is spoiled, and nothing happens`, async () => {
        const { refusal, engine } = await openFace();
        const revision = async () => (await engine.store.changes(0, 1_000)).length;
        const before = await revision();
        for (const { how, value, type, text } of spoiled(shape)) {
          const refused = await refusal(operation, { ...input, [name]: value });
          assert.deepEqual([refused.status, refused.type], [400, type], `${name} ${how}`);
          assert.match(refused.text, text, `${name} ${how}`);
        }
        if (shape.required) {
          for (const absent of [undefined, null]) {
            const { type, text } = await refusal(operation, { ...input, [name]: absent });
            const path = name.charAt(0).toLowerCase() + name.slice(1);
            const sentence = `1 validation error detected: Value null at '${path}' failed to satisfy constraint: Member must not be null`;
            assert.deepEqual([type, text], ['ValidationException', sentence]);
          }
        }
        assert.equal(await revision(), before);
      });

    test(`${operation} does not mind members that the model has not, nor null for what may be left out`, async () => {
      const { refusal } = await openFace();
      const optional = Object.entries(members as Members).filter(
        ([name, { required }]) => !required && !(name in input),
      );
      const nulls = Object.fromEntries(optional.map(([name]) => [name, null]));
      const more = { ...input, ...nulls, NoSuchMember: { deep: [1] } };
      const expected = await outcome(() => refusal(operation, input));
      assert.deepEqual(await outcome(() => refusal(operation, more)), expected);
    });
  }
});

/** How a request ends, told by type and text; answers that differ by chance only are alike. */
async function outcome(
  ask: () => Promise<{ readonly type: string; readonly text: string }>,
): Promise<readonly string[]> {
  const { type, text } = await ask();
  return [String(type), String(text)];
}
