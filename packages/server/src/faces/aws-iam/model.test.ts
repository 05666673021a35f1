import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Shape } from '../aws-secrets-manager/shape.ts';
import { OPERATIONS } from './operations/index.ts';

/** AWS's service model without its prose, where it lies beside the checkout. */
const MODEL = fileURLToPath(new URL('../../../../../../shared/data/aws/iam.model.json', import.meta.url));

interface ModelShape {
  readonly type: string;
  readonly members?: Readonly<Record<string, { readonly shape: string }>>;
  readonly member?: { readonly shape: string };
  readonly required?: readonly string[];
  readonly min?: number;
  readonly max?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
}

interface Model {
  readonly operations: Readonly<Record<string, { readonly input?: { readonly shape: string } }>>;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

const KINDS: Readonly<Record<string, Shape['kind']>> = {
  string: 'text',
  boolean: 'flag',
  list: 'list',
  structure: 'structure',
  integer: 'integer',
};

/** Members of simulations that belong to organizations, or choose among policies by where they come from. */
const LEFT_OUT = new Set(['OrderedOrganizationPolicyInputList', 'PolicyExclusionList']);

test('no operation is there twice', () => {
  const names = OPERATIONS.map(({ name }) => name);
  assert.equal(new Set(names).size, names.length);
});

test('every member of every input is as the service model says', {
  skip: !existsSync(MODEL) && 'no model here',
}, () => {
  const model: Model = JSON.parse(readFileSync(MODEL, 'utf8'));
  for (const { name, input } of OPERATIONS) {
    const operation = model.operations[name];
    assert.ok(operation, `the model has no operation ${name}`);
    if (operation.input === undefined) assert.deepEqual(input.members, {}, name);
    else compare(input, operation.input.shape, model, name);
  }
});

function compare(shape: Shape, modelName: string, model: Model, path: string): void {
  const expected = model.shapes[modelName]!;
  assert.equal(shape.kind, KINDS[expected.type], path);
  const found: Partial<Record<string, unknown>> = { ...shape };
  assert.deepEqual(
    [found.min, found.max, found.pattern, found.among],
    [expected.min, expected.max, expected.pattern, expected.enum],
    path,
  );
  if (shape.kind === 'list') compare(shape.member, expected.member!.shape, model, `${path}[]`);
  if (shape.kind !== 'structure') return;
  const members = Object.keys(expected.members ?? {}).filter((name) => !LEFT_OUT.has(name));
  assert.deepEqual(Object.keys(shape.members).toSorted(), members.toSorted(), path);
  for (const [name, member] of Object.entries(shape.members)) {
    assert.equal(member.required ?? false, expected.required?.includes(name) ?? false, `${path}.${name}`);
    compare(member, expected.members![name]!.shape, model, `${path}.${name}`);
  }
}
