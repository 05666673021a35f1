import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import type { Members, Shape, StructureShape, TextShape } from '../aws-shapes/shape.ts';

/** What a request was answered with. */
export interface QueryOutcome {
  readonly status: number;
  /** Content of `<Code>`; null for an answer that is no error. */
  readonly code: string | null;
  readonly text: string;
}

export interface QueryFaceUnderTest {
  readonly operations: readonly { readonly name: string; readonly input: StructureShape }[];
  open(): Promise<{
    /** Sends a form as it stands, signed. */
    send(form: string): Promise<QueryOutcome>;
    /** How often the store has been written to. */
    writes(): Promise<number>;
  }>;
}

/** Parameters by name; a list for one that is sent more than once. Values are sent as they stand. */
type Parameters = Readonly<Record<string, string | readonly string[]>>;

interface Spoiled {
  readonly how: string;
  /** In place of the member. */
  readonly parameters: Parameters;
  readonly code: 'ValidationError' | 'MalformedQueryString';
  readonly text: RegExp;
}

/** Every member of every operation, spoiled in every way its shape knows: refused in AWS's words, and nothing happens. */
export function testBadInput({ operations, open }: QueryFaceUnderTest): void {
  describe('every member of every operation', () => {
    for (const { name: operation, input } of operations) {
      const base = Object.assign({}, ...required(input.members)) as Parameters;
      for (const [name, shape] of Object.entries(input.members))
        test(`${operation}.${name} is refused in AWS's words when it is spoiled, and nothing happens`, async () => {
          const { send, writes } = await open();
          const before = await writes();
          const rest = without(base, name);
          for (const { how, parameters, code, text } of [...spoiled(name, shape), ...missing(name, shape)]) {
            const refused = await send(formOf(operation, { ...rest, ...parameters }));
            assert.deepEqual([refused.status, refused.code], [400, code], `${name} ${how}: ${refused.text}`);
            assert.match(refused.text, text, `${name} ${how}`);
          }
          assert.equal(await writes(), before);
        });

      test(`${operation} does not mind members that the model has not`, async () => {
        const more = { 'NoSuchMember.member.1.Deep': '1', NoSuchFlag: 'x' };
        const expected = await (await open()).send(formOf(operation, base));
        const told = await (await open()).send(formOf(operation, { ...base, ...more }));
        assert.deepEqual([told.status, told.code], [expected.status, expected.code]);
        assert.notEqual(told.code, 'MalformedQueryString');
      });
    }
  });
}

function formOf(operation: string, parameters: Parameters): string {
  const pairs = Object.entries(parameters).flatMap(([name, values]) =>
    [values].flat().map((value) => `${name}=${value}`),
  );
  return [`Action=${operation}`, ...pairs].join('&');
}

/** All but a member and what is below it. */
function without(parameters: Parameters, name: string): Parameters {
  const kept = Object.entries(parameters).filter(([key]) => key !== name && !key.startsWith(`${name}.`));
  return Object.fromEntries(kept);
}

function required(members: Members): readonly Parameters[] {
  return Object.entries(members).flatMap(([name, shape]) => (shape.required ? [valid(name, shape)] : []));
}

/** A member as it may be sent. */
function valid(name: string, shape: Shape): Parameters {
  if (shape.kind === 'text') return { [name]: encodeURIComponent(validText(shape)) };
  if (shape.kind === 'list') return valid(`${name}.member.1`, shape.member);
  if (shape.kind === 'structure')
    return Object.assign({}, ...Object.entries(shape.members).map(([key, member]) => valid(`${name}.${key}`, member)));
  return { [name]: shape.kind === 'flag' ? 'true' : String(('min' in shape && shape.min) || 1) };
}

function validText({ min = 0, pattern = '.*', among }: TextShape): string {
  if (among !== undefined) return among[0]!;
  const whole = new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '');
  const candidates = ['a'.repeat(Math.max(min, 2)), '/', 'v1', 'arn:aws:iam::000000000000:user/a', '0'.repeat(12)];
  const found = candidates.find((text) => text.length >= min && whole.test(text));
  assert.ok(found, `no example matches ${pattern}`);
  return found;
}

function* missing(name: string, shape: Shape & { readonly required?: true }): Generator<Spoiled> {
  if (!shape.required) return;
  const sentence = `1 validation error detected: Value null at '${wireName(name)}' failed to satisfy constraint: Member must not be null`;
  yield { how: 'missing', parameters: {}, code: 'ValidationError', text: new RegExp(`^${escaped(sentence)}$`) };
}

/** Every way in which what is sent can break the shape of its member. */
function* spoiled(name: string, shape: Shape): Generator<Spoiled> {
  if (shape.kind === 'list') yield* spoiledList(name, shape);
  else if (shape.kind === 'structure')
    for (const [key, member] of Object.entries(shape.members)) {
      const beside = without(valid(name, shape), `${name}.${key}`);
      for (const one of spoiled(`${name}.${key}`, member))
        yield { ...one, parameters: { ...beside, ...one.parameters } };
    }
  else {
    yield* malformedValue(name, valid(name, shape)[name] as string);
    if (shape.kind === 'text') yield* spoiledText(name, shape);
    else if (shape.kind === 'flag') yield invalid('no flag', { [name]: 'yes' }, 'must be true or false');
    else if (shape.kind !== 'blob') yield* spoiledNumber(name, shape);
  }
}

function* malformedValue(name: string, value: string): Generator<Spoiled> {
  yield malformed('a list', { [`${name}.member.1`]: value });
  yield malformed('a structure', { [`${name}.Key`]: value });
  yield malformed('a value and a list', { [name]: value, [`${name}.member.1`]: value });
  yield malformed('sent twice', { [name]: [value, value] });
  yield malformed('no UTF-8', { [name]: '%ff' });
  yield malformed('half an escape', { [name]: '%e' });
}

function* spoiledText(name: string, { min, max, pattern, among }: TextShape): Generator<Spoiled> {
  if (max !== undefined)
    yield violation('too long', { [name]: 'a'.repeat(max + 1) }, `length less than or equal to ${max}`);
  if (min !== undefined && min > 0) {
    yield violation('empty', { [name]: '' }, `length greater than or equal to ${min}`);
    if (min > 1)
      yield violation('too short', { [name]: 'a'.repeat(min - 1) }, `length greater than or equal to ${min}`);
  }
  if (pattern !== undefined && !/^\.\*$/.test(pattern))
    yield violation(
      'of other characters',
      { [name]: '%01'.repeat(Math.max(min ?? 1, 2)) },
      'regular expression pattern:',
    );
  if (among !== undefined) yield violation('none of its values', { [name]: 'no-such-value' }, 'enum value set:');
}

function* spoiledNumber(
  name: string,
  { min, max }: { readonly min?: number; readonly max?: number },
): Generator<Spoiled> {
  for (const value of ['x', '1.5', '1e3', '', '99999999999', '0x10'])
    yield invalid(`the number "${value}"`, { [name]: value }, 'must be a whole number');
  if (max !== undefined)
    yield violation('too large', { [name]: String(max + 1) }, `value less than or equal to ${max}`);
  if (min !== undefined)
    yield violation('too small', { [name]: String(min - 1) }, `value greater than or equal to ${min}`);
}

function* spoiledList(name: string, { member, min, max }: Extract<Shape, { kind: 'list' }>): Generator<Spoiled> {
  yield malformed('no list', { [name]: 'x' });
  yield malformed('a structure', { [`${name}.Key`]: 'x' });
  for (const index of ['0', '-1', 'x', '1x'])
    yield malformed(`with an item ${index}`, { [`${name}.member.${index}`]: 'x' });
  if (min !== undefined && min > 0) yield violation('empty', { [name]: '' }, `length greater than or equal to ${min}`);
  if (max !== undefined) {
    const many = Array.from({ length: max + 1 }, (_, at) => valid(`${name}.member.${at + 1}`, member));
    yield violation('of too many', Object.assign({}, ...many), `length less than or equal to ${max}`);
  }
  for (const one of spoiled(`${name}.member.1`, member)) yield { ...one, how: `with one ${one.how}` };
}

function malformed(how: string, parameters: Parameters): Spoiled {
  return { how, parameters, code: 'MalformedQueryString', text: /./ };
}

function invalid(how: string, parameters: Parameters, sentence: string): Spoiled {
  return { how, parameters, code: 'ValidationError', text: new RegExp(escaped(sentence)) };
}

function violation(how: string, parameters: Parameters, constraint: string): Spoiled {
  const text = new RegExp(`failed to satisfy constraint: Member must .*${escaped(constraint)}`, 's');
  return { how, parameters, code: 'ValidationError', text };
}

function wireName(name: string): string {
  return name.charAt(0).toLowerCase() + name.slice(1);
}

function escaped(text: string): string {
  return text.replace(/[.*+?^${}()|[\]\\]/g, '\\$&');
}
