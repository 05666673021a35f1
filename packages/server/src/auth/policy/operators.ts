import { compileArnPattern } from './arn-pattern.ts';
import type { RequestContext } from './context.ts';
import { compileGlob } from './glob.ts';
import { inRange, parseAddress, parseIpRange } from './ip-range.ts';
import { type Place, quoted } from './problems.ts';
import { parseBase64, parseDate, parseFlag, parseNumber } from './scalars.ts';
import { fixedParts, parseTemplate, resolveParts, type TemplatePart, type TemplateRules, textOf } from './template.ts';

/** Whether one value of a request matches one value of a policy. */
export type ValueTest = (value: string, context: RequestContext) => boolean;

/** What a policy may say in values: everything of a template but whether wildcards count, which the operator decides. */
export type ValueRules = Omit<TemplateRules, 'wildcards'>;

/** Prepares one value of a policy; null, after noting why, where it is not of the operator's type. */
type Compile = (written: string, rules: ValueRules, place: Place) => ValueTest | null;

export interface Operator {
  /** A negated operator holds where the request's value matches none of the policy's, and where the key is missing. */
  readonly negated: boolean;
  readonly compile: Compile;
}

const positive = (compile: Compile): Operator => ({ negated: false, compile });
const negative = (compile: Compile): Operator => ({ negated: true, compile });

const exact: Compile = (written, rules, place) => compileText(written, rules, place, (text) => text);
const caseless: Compile = (written, rules, place) => compileText(written, rules, place, (text) => text.toLowerCase());

function compileText(
  written: string,
  rules: ValueRules,
  place: Place,
  fold: (text: string) => string,
): ValueTest | null {
  const parts = parseTemplate(written, { ...rules, wildcards: false }, place);
  if (parts === null) return null;
  const fixed = fixedParts(parts);
  if (fixed !== null) {
    const wanted = fold(textOf(fixed));
    return (value) => fold(value) === wanted;
  }
  return (value, context) => {
    const resolved = resolveParts(parts, context);
    return resolved !== null && fold(value) === fold(textOf(resolved));
  };
}

const like: Compile = (written, rules, place) => {
  const parts = parseTemplate(written, { ...rules, wildcards: true }, place);
  return parts === null ? null : compilePattern(parts);
};

function compilePattern(parts: readonly TemplatePart[]): ValueTest {
  const fixed = fixedParts(parts);
  if (fixed !== null) return compileGlob(fixed);
  return (value, context) => {
    const resolved = resolveParts(parts, context);
    return resolved !== null && compileGlob(resolved)(value);
  };
}

const arn: Compile = (written, rules, place) => {
  const parts = parseTemplate(written, { ...rules, wildcards: true }, place);
  if (parts === null) return null;
  return (
    compileArnPattern(parts) ??
    place.refuse(`${quoted(written)} is no pattern of an ARN, which has six parts between colons.`)
  );
};

function comparing(
  parse: (text: string) => number,
  expected: string,
  holds: (value: number, wanted: number) => boolean,
): Compile {
  return (written, _rules, place) => {
    const wanted = parse(written);
    if (Number.isNaN(wanted)) return place.refuse(`${quoted(written)} is not ${expected}.`);
    return (value) => holds(parse(value), wanted);
  };
}

const numeric = (holds: (value: number, wanted: number) => boolean): Compile =>
  comparing(parseNumber, 'a number', holds);
const date = (holds: (value: number, wanted: number) => boolean): Compile =>
  comparing(parseDate, 'a date such as 2026-01-31T00:00:00Z or seconds since 1970', holds);

const equal = (value: number, wanted: number) => value === wanted;
const less = (value: number, wanted: number) => value < wanted;
const lessOrEqual = (value: number, wanted: number) => value <= wanted;
const greater = (value: number, wanted: number) => value > wanted;
const greaterOrEqual = (value: number, wanted: number) => value >= wanted;

const flag: Compile = (written, rules, place) => {
  const parts = parseTemplate(written, { ...rules, wildcards: false }, place);
  if (parts === null) return null;
  if (fixedParts(parts) === null)
    return (value, context) => sameFlag(value, resolveParts(parts, context)?.join('') ?? '');
  return parseFlag(written) === null
    ? place.refuse(`${quoted(written)} is neither true nor false.`)
    : (value) => sameFlag(value, written);
};

function sameFlag(value: string, wanted: string): boolean {
  const given = parseFlag(value);
  return given !== null && given === parseFlag(wanted);
}

const binary: Compile = (written, _rules, place) => {
  const wanted = parseBase64(written);
  return wanted === null ? place.refuse(`${quoted(written)} is not base64.`) : (value) => parseBase64(value) === wanted;
};

const address: Compile = (written, _rules, place) => {
  const range = parseIpRange(written);
  if (range === null) return place.refuse(`${quoted(written)} is no address or CIDR such as 203.0.113.0/24.`);
  return (value) => {
    const given = parseAddress(value);
    return given !== null && inRange(given, range);
  };
};

/** All operators but Null. Source: IAM User Guide, "IAM JSON policy elements: Condition operators". */
export const OPERATORS: ReadonlyMap<string, Operator> = new Map([
  ['StringEquals', positive(exact)],
  ['StringNotEquals', negative(exact)],
  ['StringEqualsIgnoreCase', positive(caseless)],
  ['StringNotEqualsIgnoreCase', negative(caseless)],
  ['StringLike', positive(like)],
  ['StringNotLike', negative(like)],
  ['NumericEquals', positive(numeric(equal))],
  ['NumericNotEquals', negative(numeric(equal))],
  ['NumericLessThan', positive(numeric(less))],
  ['NumericLessThanEquals', positive(numeric(lessOrEqual))],
  ['NumericGreaterThan', positive(numeric(greater))],
  ['NumericGreaterThanEquals', positive(numeric(greaterOrEqual))],
  ['DateEquals', positive(date(equal))],
  ['DateNotEquals', negative(date(equal))],
  ['DateLessThan', positive(date(less))],
  ['DateLessThanEquals', positive(date(lessOrEqual))],
  ['DateGreaterThan', positive(date(greater))],
  ['DateGreaterThanEquals', positive(date(greaterOrEqual))],
  ['Bool', positive(flag)],
  ['BinaryEquals', positive(binary)],
  ['IpAddress', positive(address)],
  ['NotIpAddress', negative(address)],
  ['ArnEquals', positive(arn)],
  ['ArnLike', positive(arn)],
  ['ArnNotEquals', negative(arn)],
  ['ArnNotLike', negative(arn)],
]);
