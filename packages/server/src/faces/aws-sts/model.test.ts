import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Shape } from '../aws-secrets-manager/shape.ts';
import { INPUTS } from './inputs.ts';
import { OPERATIONS } from './operations.ts';

/** AWS's service model without its prose, where it lies beside the checkout. */
const MODEL = fileURLToPath(new URL('../../../../../../shared/data/aws/sts.model.json', import.meta.url));

interface ModelShape {
  readonly type: string;
  readonly members?: Readonly<Record<string, { readonly shape: string }>>;
  readonly member?: { readonly shape: string };
  readonly required?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly sensitive?: boolean;
}

interface Model {
  readonly operations: Readonly<
    Record<string, { readonly authtype?: string; readonly input: { readonly shape: string } }>
  >;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

const KINDS: Readonly<Record<string, Shape['kind']>> = {
  string: 'text',
  list: 'list',
  structure: 'structure',
  integer: 'integer',
};

test('every operation reads its own input', () => {
  assert.deepEqual(OPERATIONS.map(({ name }) => name).toSorted(), Object.keys(INPUTS).toSorted());
});

test('every member of every input is as the service model says', {
  skip: !existsSync(MODEL) && 'no model here',
}, () => {
  const model: Model = JSON.parse(readFileSync(MODEL, 'utf8'));
  for (const { name, input, signed } of OPERATIONS) {
    const operation = model.operations[name];
    assert.ok(operation, name);
    assert.equal(signed, operation.authtype !== 'none', name);
    compare(input, operation.input.shape, model, name);
  }
});

function compare(shape: Shape, modelName: string, model: Model, path: string): void {
  const expected = model.shapes[modelName]!;
  assert.equal(shape.kind, KINDS[expected.type], path);
  const found: Partial<Record<string, unknown>> = { ...shape };
  assert.deepEqual(
    [found.min, found.max, found.pattern, found.among, found.sensitive],
    [expected.min, expected.max, expected.pattern, expected.enum, expected.sensitive],
    path,
  );
  if (shape.kind === 'list') compare(shape.member, expected.member!.shape, model, `${path}[]`);
  if (shape.kind !== 'structure') return;
  assert.deepEqual(Object.keys(shape.members).toSorted(), Object.keys(expected.members ?? {}).toSorted(), path);
  for (const [name, member] of Object.entries(shape.members)) {
    assert.equal(member.required ?? false, expected.required?.includes(name) ?? false, `${path}.${name}`);
    compare(member, expected.members![name]!.shape, model, `${path}.${name}`);
  }
}
