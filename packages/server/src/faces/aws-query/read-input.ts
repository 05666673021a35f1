import type { InputOf, ListShape, Members, Shape, StructureShape, TextShape, WholeShape } from '../aws-shapes/shape.ts';
import { constraintsOf, type Violation, violationsText } from '../aws-shapes/violations.ts';
import type { FormNode } from './form.ts';
import { malformedQuery, validationError } from './refusal.ts';

const LARGEST_INTEGER = 2 ** 31 - 1;
const WHOLE = /^[+-]?\d{1,15}$/;

/**
 * Reads a request by the table of its operation. Parameters that are not in the table are ignored.
 *
 * @throws QueryRefusal `ValidationError` naming every broken constraint, `MalformedQueryString`
 */
export function readInput<M extends Members>(form: FormNode, shape: StructureShape<M>): InputOf<M> {
  const violations: Violation[] = [];
  const input = readStructure(form, shape, '', violations);
  if (violations.length === 0) return input as InputOf<M>;
  const members = violations.map(({ path, constraint }) => `${path}: ${constraint}`).join('; ');
  throw validationError(violationsText(violations), members);
}

function read(node: FormNode, shape: Shape, path: string, violations: Violation[]): unknown {
  switch (shape.kind) {
    case 'text':
      return readText(textAt(node, path), shape, path, violations);
    case 'flag':
      return readFlag(textAt(node, path), path);
    case 'integer':
    case 'long':
      return readWhole(textAt(node, path), shape, path, violations);
    case 'blob':
      throw malformedQuery(`${path} cannot be sent in this protocol.`);
    case 'list':
      return readList(node, shape, path, violations);
    case 'structure':
      return readStructure(node, shape, `${path}.`, violations);
  }
}

function readStructure(node: FormNode, shape: StructureShape, prefix: string, violations: Violation[]): object {
  const found: Record<string, unknown> = {};
  for (const name in shape.members) {
    const member = shape.members[name]!;
    const sent = node.below.get(name);
    const path = prefix + name.charAt(0).toLowerCase() + name.slice(1);
    if (sent !== undefined) found[name] = read(sent, member, path, violations);
    else if (member.required) violations.push({ path, value: null, constraint: 'Member must not be null' });
    else found[name] = undefined;
  }
  return found;
}

function textAt({ value, below }: FormNode, path: string): string {
  if (value !== undefined && below.size === 0) return value;
  throw malformedQuery(`${path} is a single value, not a list or structure.`);
}

function readText(text: string, shape: TextShape, path: string, violations: Violation[]): string {
  const shown = shape.sensitive ? undefined : text;
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds(text, text.length)) violations.push({ path, value: shown, constraint });
  return text;
}

function readFlag(text: string, path: string): boolean {
  const folded = text.toLowerCase();
  if (folded === 'true' || folded === 'false') return folded === 'true';
  throw validationError(`${path} must be true or false.`);
}

function readWhole(text: string, shape: WholeShape, path: string, violations: Violation[]): number {
  const number = WHOLE.test(text) ? Number(text) : Number.NaN;
  const largest = shape.kind === 'long' ? Number.MAX_SAFE_INTEGER : LARGEST_INTEGER;
  if (Number.isNaN(number) || Math.abs(number) > largest) throw validationError(`${path} must be a whole number.`);
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds(text, number)) violations.push({ path, value: String(number), constraint });
  return number;
}

/** `Name.member.1` and so on; clients send an empty list as `Name=`. */
function readList(node: FormNode, shape: ListShape, path: string, violations: Violation[]): readonly unknown[] {
  const items = itemsOf(node, path);
  for (const { constraint, holds } of constraintsOf(shape))
    if (!holds('', items.length)) violations.push({ path, value: undefined, constraint });
  return items.map((item, index) => read(item, shape.member, `${path}.${index + 1}.member`, violations));
}

function itemsOf({ value, below }: FormNode, path: string): readonly FormNode[] {
  const members = below.get('member');
  if (members === undefined && below.size === 0 && value === '') return [];
  const numbered = [...(members?.below ?? [])].map(([index, item]) => [Number(index), item] as const);
  if (members === undefined || value !== undefined || numbered.some(([index]) => !(index >= 1)))
    throw malformedQuery(`${path} is a list; write its items as member.1, member.2 and so on.`);
  return numbered.sort(([a], [b]) => a - b).map(([, item]) => item);
}
