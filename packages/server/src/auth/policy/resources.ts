import type { RequestContext } from './context.ts';
import { compileGlob } from './glob.ts';
import { type Place, quoted } from './problems.ts';
import { stringsOf } from './shape.ts';
import { fixedParts, parseTemplate, resolveParts, type TemplatePart, type TemplateRules } from './template.ts';

/** A Resource or NotResource element. */
export interface ResourceClause {
  readonly negated: boolean;
  readonly tests: readonly ResourceTest[];
}

/** Null where a variable of the pattern has no value in this request. */
type ResourceTest = (resource: string, context: RequestContext) => boolean | null;

/**
 * Reads a Resource or NotResource element. Stars reach over colons: AWS lets a star at the end of a part do so, and no
 * name here holds a colon that a star within a part could be led astray by.
 */
export function parseResources(
  written: unknown,
  negated: boolean,
  rules: Omit<TemplateRules, 'wildcards'>,
  place: Place,
): ResourceClause | null {
  const tests: ResourceTest[] = [];
  for (const pattern of stringsOf(written, place) ?? []) {
    const parts = parseTemplate(pattern, { ...rules, wildcards: true }, place);
    const refusal = parts === null ? null : refusalOf(pattern, parts);
    if (refusal !== null) place.refuse(refusal);
    else if (parts !== null) tests.push(compileResource(parts));
  }
  return tests.length === 0 ? null : { negated, tests };
}

function refusalOf(pattern: string, parts: readonly TemplatePart[]): string | null {
  if (pattern === '*') return null;
  if (!pattern.startsWith('arn:')) return `${quoted(pattern)} is no resource; write an ARN or "*".`;
  const beforeVariable = parts.slice(0, variableAt(parts));
  const colons =
    beforeVariable
      .filter((part) => typeof part === 'string')
      .join('')
      .split(':').length - 1;
  if (beforeVariable.length < parts.length && colons < 5) {
    return `${quoted(pattern)} has a variable before the fifth colon; variables may stand in the last part of an ARN only.`;
  }
  return colons < 5 && !pattern.endsWith('*')
    ? `${quoted(pattern)} is no ARN; an ARN has six parts between colons.`
    : null;
}

function variableAt(parts: readonly TemplatePart[]): number {
  const at = parts.findIndex((part) => typeof part === 'object');
  return at === -1 ? parts.length : at;
}

function compileResource(parts: readonly TemplatePart[]): ResourceTest {
  const fixed = fixedParts(parts);
  if (fixed !== null) return compileGlob(fixed);
  return (resource, context) => {
    const resolved = resolveParts(parts, context);
    return resolved === null ? null : compileGlob(resolved)(resource);
  };
}

/**
 * Whether a clause is about the resource. A pattern whose variable has no value is like nothing; under NotResource that
 * would make an Allow wider, so there the statement falls away, while a Deny stands.
 */
export function coversResource(
  clause: ResourceClause,
  effect: 'Allow' | 'Deny',
  resource: string,
  context: RequestContext,
): boolean {
  if (!clause.negated) {
    for (const test of clause.tests) if (test(resource, context) === true) return true;
    return false;
  }
  for (const test of clause.tests) {
    const matches = test(resource, context);
    if (matches === true || (matches === null && effect === 'Allow')) return false;
  }
  return true;
}
