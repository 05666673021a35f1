import type { RequestContext } from './context.ts';
import { ANY_ONE, ANY_RUN, type GlobPart, globParts } from './glob.ts';
import { type Place, quoted } from './problems.ts';

/** `${aws:username}` in a policy: stands for a value of the request. */
export interface Variable {
  /** Condition key in lower case. */
  readonly key: string;
  /** `${key, 'default'}`; null where none was written. */
  readonly fallback: string | null;
}

/** Text of a policy taken apart: literals, wildcards, variables. */
export type TemplatePart = GlobPart | Variable;

export interface TemplateRules {
  /** Version 2012-10-17 knows variables; in 2008-10-17 `${aws:username}` is plain text. */
  readonly variables: boolean;
  /** Whether `*` and `?` are wildcards here (StringLike) or characters (StringEquals). */
  readonly wildcards: boolean;
  /** Why a key may not be used as a variable, as a sentence; null if it may. */
  refuseVariable(key: string): string | null;
}

const VARIABLE = /^\s*([^\s,']+)\s*(?:,\s*'([^']*)'\s*)?$/;
const ESCAPED: Readonly<Record<string, string>> = { '*': '*', '?': '?', $: '$' };

/**
 * Takes a text apart. Source: IAM User Guide, "IAM policy elements: Variables and tags".
 *
 * @returns null, after noting why, where a variable is not one
 */
export function parseTemplate(text: string, rules: TemplateRules, place: Place): TemplatePart[] | null {
  const parts: TemplatePart[] = [];
  let at = 0;
  while (at < text.length) {
    const begin = rules.variables ? text.indexOf('${', at) : -1;
    const literal = text.slice(at, begin === -1 ? text.length : begin);
    if (rules.wildcards) parts.push(...globParts(literal));
    else if (literal !== '') parts.push(literal);
    if (begin === -1) break;
    const end = text.indexOf('}', begin);
    const part = end === -1 ? unfinished(text, place) : readVariable(text.slice(begin + 2, end), rules, place);
    if (part === null) return null;
    parts.push(part);
    at = end + 1;
  }
  return parts;
}

function unfinished(text: string, place: Place): null {
  return place.refuse(
    `The variable in ${quoted(text)} lacks its closing brace; write \${$}{ for the characters themselves.`,
  );
}

function readVariable(inside: string, rules: TemplateRules, place: Place): TemplatePart | null {
  const escaped = ESCAPED[inside];
  if (escaped !== undefined) return escaped;
  const [, key, fallback] = VARIABLE.exec(inside) ?? [];
  if (key === undefined)
    return place.refuse(`\${${inside.slice(0, 60)}} is no variable; write \${key} or \${key, 'default'}.`);
  const refusal = rules.refuseVariable(key);
  return refusal === null ? { key: key.toLowerCase(), fallback: fallback ?? null } : place.refuse(refusal);
}

export function isVariable(part: TemplatePart): part is Variable {
  return typeof part === 'object';
}

/** The parts where none of them is a variable, else null. */
export function fixedParts(parts: readonly TemplatePart[]): readonly GlobPart[] | null {
  return parts.some(isVariable) ? null : (parts as readonly GlobPart[]);
}

/**
 * Puts the request's values in place of variables. A value is taken literally: a tag whose value is `*` is a star, not
 * everything.
 *
 * @returns null where a variable has no value (or several) and no default: nothing equals it, nothing is like it
 */
export function resolveParts(parts: readonly TemplatePart[], context: RequestContext): GlobPart[] | null {
  const resolved: GlobPart[] = [];
  for (const part of parts) {
    const value = isVariable(part) ? substituteFor(part, context) : part;
    if (value === null) return null;
    resolved.push(value);
  }
  return resolved;
}

function substituteFor(variable: Variable, context: RequestContext): string | null {
  const value = context.get(variable.key);
  if (typeof value === 'string') return value;
  return value?.length === 1 ? value[0]! : variable.fallback;
}

/** The text that resolved parts stand for where wildcards are plain characters. */
export function textOf(parts: readonly GlobPart[]): string {
  return parts.map((part) => (part === ANY_RUN ? '*' : part === ANY_ONE ? '?' : part)).join('');
}
