import { isUtf8 } from 'node:buffer';
import type {
  BlobShape,
  InputOf,
  ListShape,
  Members,
  Shape,
  StructureShape,
  TextShape,
  WholeShape,
} from '../aws-shapes/shape.ts';
import { constraintsOf, type Violation, violationsText } from '../aws-shapes/violations.ts';
import { serialization, tooLarge, WireRefusal } from './refusal.ts';

/** Largest request body: the largest value with every byte escaped (`\u0000`), and room for the rest. */
export const LARGEST_BODY = 1 << 20;

/** The largest exact integer of JSON as JavaScript reads it; longs beyond are refused rather than rounded. */
const LARGEST_LONG = Number.MAX_SAFE_INTEGER;
const LARGEST_INTEGER = 2 ** 31 - 1;
const BASE64 = /^(?:[A-Za-z0-9+/]{4})*(?:[A-Za-z0-9+/]{2}(?:==)?|[A-Za-z0-9+/]{3}=?)?$/;

/**
 * Reads a request body by the table of its operation. Members that are not in the table are ignored, null counts as
 * left out.
 *
 * @throws WireRefusal `SerializationException`, or `ValidationException` naming every broken constraint
 */
export function readInput<M extends Members>(body: Uint8Array, shape: StructureShape<M>): InputOf<M> {
  const violations: Violation[] = [];
  const input = readStructure(parse(body), shape, '', violations);
  if (violations.length > 0) throw refusalOf(violations);
  return input as InputOf<M>;
}

function parse(body: Uint8Array): unknown {
  if (body.length > LARGEST_BODY) throw tooLarge(LARGEST_BODY);
  if (!isUtf8(body)) throw serialization('The request body is not UTF-8.');
  try {
    return JSON.parse(Buffer.from(body.buffer, body.byteOffset, body.length).toString('utf8'));
  } catch {
    throw serialization('The request body is not JSON.');
  }
}

function refusalOf(violations: readonly Violation[]): WireRefusal {
  const members = violations.map(({ path, constraint }) => `${path}: ${constraint}`).join('; ');
  return new WireRefusal('ValidationException', violationsText(violations), { message: members });
}

function read(value: unknown, shape: Shape, path: string, violations: Violation[]): unknown {
  switch (shape.kind) {
    case 'text':
      return readText(value, shape, path, violations);
    case 'flag':
      return typeof value === 'boolean' ? value : wrongType(value, 'a Boolean');
    case 'integer':
    case 'long':
      return readWhole(value, shape, path, violations);
    case 'blob':
      return readBlob(value, shape, path, violations);
    case 'list':
      return readList(value, shape, path, violations);
    case 'structure':
      return readStructure(value, shape, `${path}.`, violations);
  }
}

function readStructure(value: unknown, shape: StructureShape, prefix: string, violations: Violation[]): object {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) wrongType(value, 'a structure');
  const given = value as Readonly<Record<string, unknown>>;
  const found: Record<string, unknown> = {};
  for (const name in shape.members) {
    const member = shape.members[name]!;
    const content = given[name];
    if (content !== undefined && content !== null)
      found[name] = read(content, member, prefix + wireName(name), violations);
    else if (member.required)
      violations.push({ path: prefix + wireName(name), value: null, constraint: 'Member must not be null' });
    else found[name] = undefined;
  }
  return found;
}

const wireNames = new Map<string, string>();

/** AWS names members in errors with a small first letter. */
function wireName(name: string): string {
  let known = wireNames.get(name);
  if (known === undefined) {
    known = name.charAt(0).toLowerCase() + name.slice(1);
    wireNames.set(name, known);
  }
  return known;
}

function readText(value: unknown, shape: TextShape, path: string, violations: Violation[]): string {
  if (typeof value !== 'string') return wrongType(value, 'a String');
  if (!value.isWellFormed()) throw serialization('A string of the request is not well-formed Unicode.');
  const length = shape.bytes && value.length * 3 > (shape.max ?? 0) ? Buffer.byteLength(value) : value.length;
  const shown = shape.sensitive ? undefined : value;
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds(value, length)) violations.push({ path, value: shown, constraint });
  return value;
}

function readWhole(value: unknown, shape: WholeShape, path: string, violations: Violation[]): number {
  const kind = shape.kind === 'long' ? 'a Long' : 'an Integer';
  const largest = shape.kind === 'long' ? LARGEST_LONG : LARGEST_INTEGER;
  if (typeof value !== 'number' || !Number.isInteger(value) || Math.abs(value) > largest) return wrongType(value, kind);
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds(String(value), value)) violations.push({ path, value: String(value), constraint });
  return value;
}

function readBlob(value: unknown, shape: BlobShape, path: string, violations: Violation[]): Uint8Array {
  if (typeof value !== 'string') return wrongType(value, 'a Blob');
  if (!BASE64.test(value)) throw serialization('A binary member of the request is not base64.');
  const bytes = Buffer.from(value, 'base64');
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds('', bytes.length)) violations.push({ path, value: undefined, constraint });
  return bytes;
}

/** Elements that are structures are named one by one in errors, others together with their list. */
function readList(value: unknown, shape: ListShape, path: string, violations: Violation[]): readonly unknown[] {
  if (!Array.isArray(value)) return wrongType(value, 'a list');
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds('', value.length)) violations.push({ path, value: shownList(value), constraint });
  const { member } = shape;
  if (member.kind === 'structure')
    return value.map((item, index) => readStructure(item, member, `${path}.${index + 1}.member.`, violations));
  const broken: Violation[] = [];
  const items = value.map((item) => read(item, member, path, broken));
  if (broken.length > 0) {
    const constraints = constraintsOf(member).map(({ constraint }) => constraint);
    const constraint = `Member must satisfy constraint: [${constraints.join(', ')}]`;
    violations.push({ path, value: shownList(value), constraint });
  }
  return items;
}

function shownList(items: readonly unknown[]): string {
  return `[${items.map((item) => (typeof item === 'string' ? item : '…')).join(', ')}]`;
}

function wrongType(value: unknown, expected: string): never {
  throw serialization(`${tokenOf(value)} can not be converted to ${expected}`);
}

/** What a JSON reader calls a value; never the value itself. */
function tokenOf(value: unknown): string {
  if (Array.isArray(value)) return 'START_ARRAY';
  if (value === null) return 'NULL_VALUE';
  if (typeof value === 'boolean') return value ? 'TRUE_VALUE' : 'FALSE_VALUE';
  return { string: 'STRING_VALUE', number: 'NUMBER_VALUE' }[typeof value as string] ?? 'START_OBJECT';
}
