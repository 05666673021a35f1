import assert from 'node:assert/strict';
import { existsSync, readFileSync } from 'node:fs';
import { test } from 'node:test';
import { fileURLToPath } from 'node:url';
import type { Shape, StructureShape } from './shape.ts';

/** AWS's service models without their prose, where they lie beside the checkout. */
const MODELS = new URL('../../../../../../shared/data/aws/', import.meta.url);

/** What of a face is held against the model of its service. */
export interface ModelledFace {
  /** `sts`: the model is in `sts.model.json`. */
  readonly model: string;
  readonly operations: readonly {
    readonly name: string;
    readonly input: StructureShape;
    /** Whether requests must be signed; all if left out. */
    readonly signed?: boolean;
  }[];
  /** Whether every operation of the model must be there. */
  readonly complete?: true;
  /** Members that the face leaves out on purpose; the coverage page says why. */
  readonly leftOut?: readonly string[];
}

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
    Record<string, { readonly authtype?: string; readonly input?: { readonly shape: string } }>
  >;
  readonly shapes: Readonly<Record<string, ModelShape>>;
}

const KINDS: Readonly<Record<string, Shape['kind']>> = {
  string: 'text',
  boolean: 'flag',
  blob: 'blob',
  list: 'list',
  structure: 'structure',
  integer: 'integer',
  long: 'long',
};

/** The tables by which a face reads requests say what AWS's model of the service says, member for member. */
export function testModel({ model: service, operations, complete, leftOut = [] }: ModelledFace): void {
  const file = fileURLToPath(new URL(`${service}.model.json`, MODELS));
  const skip = !existsSync(file) && 'no model here';

  test('no operation is there twice', () => {
    assert.equal(new Set(operations.map(({ name }) => name)).size, operations.length);
  });

  test('every member of every input is as the service model says', { skip }, () => {
    const model: Model = JSON.parse(readFileSync(file, 'utf8'));
    const names = operations.map(({ name }) => name);
    if (complete) assert.deepEqual(names.toSorted(), Object.keys(model.operations).toSorted());
    for (const { name, input, signed = true } of operations) {
      const operation = model.operations[name];
      assert.ok(operation, `the model has no operation ${name}`);
      assert.equal(signed, operation.authtype !== 'none', name);
      if (operation.input === undefined) assert.deepEqual(input.members, {}, name);
      else compare(input, operation.input.shape, { model, leftOut, path: name });
    }
  });
}

interface Place {
  readonly model: Model;
  readonly leftOut: readonly string[];
  readonly path: string;
}

function compare(shape: Shape, modelName: string, place: Place): void {
  const { model, leftOut, path } = place;
  const expected = model.shapes[modelName]!;
  assert.equal(shape.kind, KINDS[expected.type], path);
  const found: Partial<Record<string, unknown>> = { ...shape };
  assert.deepEqual(
    [found.min, found.max, found.pattern, found.among, found.sensitive],
    [expected.min, expected.max, expected.pattern, expected.enum, isSensitive(expected) ? true : undefined],
    path,
  );
  if (shape.kind === 'list') compare(shape.member, expected.member!.shape, { ...place, path: `${path}[]` });
  if (shape.kind !== 'structure') return;
  const members = Object.keys(expected.members ?? {}).filter((name) => !leftOut.includes(name));
  assert.deepEqual(Object.keys(shape.members).toSorted(), members.toSorted(), path);
  for (const [name, member] of Object.entries(shape.members)) {
    const within = { ...place, path: `${path}.${name}` };
    assert.equal(member.required ?? false, expected.required?.includes(name) ?? false, within.path);
    compare(member, expected.members![name]!.shape, within);
  }
}

/** Bytes are never repeated in an error anyway. */
function isSensitive({ sensitive, type }: ModelShape): boolean {
  return sensitive === true && type !== 'blob';
}
