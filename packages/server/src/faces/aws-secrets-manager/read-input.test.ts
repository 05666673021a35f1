import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { StructureShape } from '../aws-shapes/shape.ts';
import { INPUTS, type OperationName } from './inputs.ts';
import { LARGEST_BODY, readInput } from './read-input.ts';
import { WireRefusal } from './refusal.ts';

function refusedWith(operation: OperationName, body: unknown): WireRefusal {
  const bytes = body instanceof Uint8Array ? body : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body));
  try {
    readInput(bytes, INPUTS[operation] as StructureShape);
  } catch (error) {
    assert.ok(error instanceof WireRefusal);
    return error;
  }
  assert.fail('it was read');
}

const ID = 'i'.repeat(32);

describe('a request body', () => {
  test('is read by the table of its operation: unknown members are ignored, null counts as left out', () => {
    const body = Buffer.from(JSON.stringify({ SecretId: 'a', VersionId: null, Unknown: [[1]], __proto__: 1 }));
    assert.deepEqual(readInput(body, INPUTS.GetSecretValue), {
      SecretId: 'a',
      VersionId: undefined,
      VersionStage: undefined,
    });
  });

  const SERIALIZATION: readonly [string, OperationName, unknown][] = [
    ['nothing', 'ListSecrets', ''],
    ['half an object', 'ListSecrets', '{"MaxResults":'],
    ['not UTF-8', 'ListSecrets', Buffer.from([0x22, 0xff, 0x22])],
    ['a list', 'ListSecrets', []],
    ['null', 'ListSecrets', 'null'],
    ['100,000 open brackets', 'ListSecrets', '['.repeat(100_000)],
    ['a number for a string', 'GetSecretValue', { SecretId: 7 }],
    ['an object for a string', 'GetSecretValue', { SecretId: {} }],
    ['a string for a flag', 'DeleteSecret', { SecretId: 'a', ForceDeleteWithoutRecovery: 'true' }],
    ['a string for a number', 'ListSecrets', { MaxResults: '7' }],
    ['half a number', 'ListSecrets', { MaxResults: 7.5 }],
    ['a number beyond all', 'GetRandomPassword', '{"PasswordLength":1e999}'],
    ['a list for a structure', 'RotateSecret', { SecretId: 'a', RotationRules: [] }],
    ['an object for a list', 'TagResource', { SecretId: 'a', Tags: {} }],
    ['a string in a list of structures', 'TagResource', { SecretId: 'a', Tags: ['x'] }],
    ['null in a list', 'UntagResource', { SecretId: 'a', TagKeys: [null] }],
    ['no base64', 'PutSecretValue', { SecretId: 'a', SecretBinary: '?' }],
    ['half a surrogate pair', 'PutSecretValue', '{"SecretId":"a","SecretString":"\\ud800"}'],
  ];
  for (const [what, operation, body] of SERIALIZATION)
    test(`that holds ${what} is a SerializationException`, () => {
      assert.equal(refusedWith(operation, body).type, 'SerializationException');
    });

  test('that is too large is refused before it is read', () => {
    const { type, status } = refusedWith('ListSecrets', Buffer.alloc(LARGEST_BODY + 1, 0x20));
    assert.deepEqual([type, status], ['RequestEntityTooLargeException', 413]);
  });

  const one = (text: string) => `1 validation error detected: ${text}`;
  const VALIDATION: readonly [OperationName, object, string][] = [
    ['GetSecretValue', {}, one("Value null at 'secretId' failed to satisfy constraint: Member must not be null")],
    [
      'GetSecretValue',
      { SecretId: '' },
      one("Value '' at 'secretId' failed to satisfy constraint: Member must have length greater than or equal to 1"),
    ],
    [
      'GetSecretValue',
      { SecretId: 'a', VersionId: 'short' },
      one(
        "Value 'short' at 'versionId' failed to satisfy constraint: Member must have length greater than or equal to 32",
      ),
    ],
    [
      'ListSecrets',
      { MaxResults: 101 },
      one("Value '101' at 'maxResults' failed to satisfy constraint: Member must have value less than or equal to 100"),
    ],
    [
      'ListSecrets',
      { SortOrder: 'up' },
      one("Value 'up' at 'sortOrder' failed to satisfy constraint: Member must satisfy enum value set: [asc, desc]"),
    ],
    [
      'ListSecrets',
      { Filters: [{ Key: 'name', Values: ['a'] }, { Key: 'tag' }] },
      one(
        "Value 'tag' at 'filters.2.member.key' failed to satisfy constraint: Member must satisfy enum value set: [description, name, tag-key, tag-value, primary-region, owning-service, all]",
      ),
    ],
    [
      'ListSecrets',
      { Filters: [{ Key: 'name', Values: ['a?'] }] },
      one(
        "Value '[a?]' at 'filters.1.member.values' failed to satisfy constraint: Member must satisfy constraint: [Member must have length less than or equal to 512, Member must satisfy regular expression pattern: ^\\!?[a-zA-Z0-9 :_@\\/\\+\\=\\.\\-\\!]*$]",
      ),
    ],
    [
      'TagResource',
      { SecretId: 'a', Tags: [{ Key: '', Value: 'v' }] },
      one(
        "Value '' at 'tags.1.member.key' failed to satisfy constraint: Member must have length greater than or equal to 1",
      ),
    ],
    [
      'RotateSecret',
      { SecretId: 'a', RotationRules: { Duration: 'long' } },
      "2 validation errors detected: Value 'long' at 'rotationRules.duration' failed to satisfy constraint: Member must have length less than or equal to 3; Value 'long' at 'rotationRules.duration' failed to satisfy constraint: Member must satisfy regular expression pattern: [0-9]+h",
    ],
    [
      'BatchGetSecretValue',
      { SecretIdList: [] },
      one(
        "Value '[]' at 'secretIdList' failed to satisfy constraint: Member must have length greater than or equal to 1",
      ),
    ],
    [
      'PutSecretValue',
      { SecretId: 'a', RotationToken: 'sesame' },
      "1 validation error detected: Value at 'rotationToken' failed to satisfy constraint: Member must have length greater than or equal to 36",
    ],
  ];
  for (const [operation, body, text] of VALIDATION)
    test(`${operation} ${JSON.stringify(body)} is a ValidationException in AWS's words`, () => {
      const refused = refusedWith(operation, body);
      assert.deepEqual([refused.type, refused.status, refused.text], ['ValidationException', 400, text]);
    });

  test('too long is never repeated whole, nor at all in what goes on record', () => {
    const sent = 'x'.repeat(5_000);
    const { text, message } = refusedWith('UpdateSecret', { SecretId: 'a', Description: sent });
    assert.ok(text.length < 1_500);
    assert.equal(message, 'description: Member must have length less than or equal to 2048');
  });

  test('is read to the very bounds of the model', () => {
    const body = { SecretId: 'a'.repeat(2048), VersionId: ID, VersionStage: 'S'.repeat(256) };
    assert.deepEqual(readInput(Buffer.from(JSON.stringify(body)), INPUTS.GetSecretValue), body);
  });
});
