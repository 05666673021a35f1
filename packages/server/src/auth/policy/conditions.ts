import { findConditionKey, type PolicyKind, unsupportedKey } from './condition-keys.ts';
import type { ContextValue, RequestContext } from './context.ts';
import { OPERATORS, type Operator, type ValueTest } from './operators.ts';
import { type Place, quoted } from './problems.ts';
import { parseFlag } from './scalars.ts';
import { listOf, membersOf } from './shape.ts';

/** One operator on one key, ready to be asked. */
export interface Condition {
  /** Without set operator and `IfExists`: `StringEquals`. */
  readonly operator: string;
  readonly quantifier: Quantifier;
  readonly ifExists: boolean;
  /** In lower case. */
  readonly key: string;
  /** As the policy wrote them. */
  readonly values: readonly string[];
  holds(context: RequestContext): boolean;
}

type Quantifier = 'ForAllValues' | 'ForAnyValue' | null;

export interface ConditionRules {
  readonly kind: PolicyKind;
  /** Whether the document's version knows variables. */
  readonly variables: boolean;
}

const MOST_VALUES = 1000;

/** Reads a Condition element; what it refuses is noted at its place. All conditions of a statement must hold. */
export function compileConditions(written: unknown, rules: ConditionRules, place: Place): Condition[] {
  const conditions: Condition[] = [];
  for (const [name, keys] of membersOf(written, place)) {
    const here = place.member(name);
    const test = readOperator(name, here);
    if (test === null) continue;
    for (const [key, values] of membersOf(keys, here)) {
      const condition = compileCondition(test, key, values, rules, here.member(key));
      if (condition !== null) conditions.push(condition);
    }
  }
  return conditions;
}

interface WrittenOperator {
  readonly name: string;
  readonly quantifier: Quantifier;
  readonly ifExists: boolean;
  /** Null for the operator `Null`, which asks of keys, not of values. */
  readonly operator: Operator | null;
}

function readOperator(written: string, place: Place): WrittenOperator | null {
  const [, quantifier, name = '', ifExists] = /^(?:(ForAllValues|ForAnyValue):)?(.*?)(IfExists)?$/s.exec(written) ?? [];
  const operator = OPERATORS.get(name);
  const read = { name, quantifier: (quantifier as Quantifier) ?? null, ifExists: ifExists !== undefined };
  if (operator !== undefined) return { ...read, operator };
  if (name !== 'Null') return place.refuse(unsupportedOperator(written));
  if (quantifier === undefined && ifExists === undefined) return { ...read, operator: null };
  return place.refuse(
    'Null asks whether a key is there at all; it takes neither ForAllValues: or ForAnyValue: nor IfExists.',
  );
}

function unsupportedOperator(written: string): string {
  const supported = [...OPERATORS.keys()].join(', ');
  return `The operator ${quoted(written)} is not supported; supported are ${supported}, each also with IfExists, ForAllValues: or ForAnyValue:, and Null.`;
}

function compileCondition(
  test: WrittenOperator,
  name: string,
  written: unknown,
  rules: ConditionRules,
  place: Place,
): Condition | null {
  const found = findConditionKey(name, rules.kind);
  if (found === null) return place.refuse(unsupportedKey(name));
  const values = valuesOf(written, place);
  const ask = values === null ? null : compileTest(test, values, rules, place);
  if (values === null || ask === null) return null;
  const { name: operator, quantifier, ifExists } = test;
  const { key } = found;
  return { operator, quantifier, ifExists, key, values, holds: (context) => ask(context.get(key), context) };
}

function valuesOf(written: unknown, place: Place): string[] | null {
  const values: string[] = [];
  const items = listOf(written);
  if (items.length === 0 || items.length > MOST_VALUES)
    return place.refuse(`A condition takes 1 to ${MOST_VALUES} values.`);
  for (const value of items) {
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      return place.refuse('The values of a condition are strings, numbers or booleans.');
    }
    values.push(String(value));
  }
  return values;
}

type Ask = (value: ContextValue | undefined, context: RequestContext) => boolean;

function compileTest(
  test: WrittenOperator,
  values: readonly string[],
  rules: ConditionRules,
  place: Place,
): Ask | null {
  if (test.operator === null) return compileNull(values, place);
  const valueRules = { variables: rules.variables, refuseVariable: (key: string) => refuseVariable(key, rules.kind) };
  const tests: ValueTest[] = [];
  for (const value of values) {
    const compiled = test.operator.compile(value, valueRules, place);
    if (compiled === null) return null;
    tests.push(compiled);
  }
  return quantify(test, test.operator.negated, anyOf(tests));
}

/** Why a key may not stand as a variable; null if it may. */
export function refuseVariable(name: string, kind: PolicyKind): string | null {
  const found = findConditionKey(name, kind);
  if (found === null) return unsupportedKey(name);
  return found.multivalued ? `${quoted(name)} may have several values; a variable takes one.` : null;
}

function compileNull(values: readonly string[], place: Place): Ask | null {
  const flags = values.map(parseFlag);
  if (flags.includes(null)) return place.refuse('Null takes true (the key is missing) or false (it is there).');
  return (value) => flags.includes(isMissing(value));
}

/** Values of one condition are alternatives. */
function anyOf(tests: readonly ValueTest[]): ValueTest {
  const [only] = tests;
  if (tests.length === 1 && only !== undefined) return only;
  return (value, context) => tests.some((test) => test(value, context));
}

/**
 * What the operator says of all the values that a request has for the key, and of none at all:
 *
 * | key missing | plain | IfExists | ForAllValues | ForAnyValue |
 * |---|---|---|---|---|
 * | StringEquals … | false | true | true | false |
 * | StringNotEquals … | true | true | true | false |
 *
 * A set operator asks value by value, `IfExists` adds nothing to it. Without one, several values match if one of them
 * does, and a negated operator holds if none does.
 */
function quantify(test: WrittenOperator, negated: boolean, matches: ValueTest): Ask {
  const holds: ValueTest = negated ? (value, context) => !matches(value, context) : matches;
  if (test.quantifier === 'ForAllValues')
    return (value, context) => elementsOf(value).every((item) => holds(item, context));
  if (test.quantifier === 'ForAnyValue')
    return (value, context) => elementsOf(value).some((item) => holds(item, context));
  const whenMissing = negated || test.ifExists;
  return (value, context) => {
    if (typeof value === 'string') return holds(value, context);
    if (value === undefined || value.length === 0) return whenMissing;
    return value.some((item) => matches(item, context)) !== negated;
  };
}

function isMissing(value: ContextValue | undefined): boolean {
  return value === undefined || (value.length === 0 && value !== '');
}

/** To set operators a key whose only value is empty text is an empty set (IAM User Guide, "Set operators"). */
function elementsOf(value: ContextValue | undefined): readonly string[] {
  if (value === undefined || value === '') return [];
  if (typeof value === 'string') return [value];
  return value.length === 1 && value[0] === '' ? [] : value;
}
