import { type RequestContext, remember } from './context.ts';
import { ANY_RUN, compileGlob, type GlobPart, type TextTest } from './glob.ts';
import { fixedParts, resolveParts, type TemplatePart } from './template.ts';

const SEGMENTS = 6;

/** The six parts of an ARN, the last with its colons; null if there are fewer. */
const segmentsOf = remember((arn: string): readonly string[] | null => {
  const pieces = arn.split(':');
  if (pieces.length < SEGMENTS || pieces[0] !== 'arn') return null;
  return [...pieces.slice(0, SEGMENTS - 1), pieces.slice(SEGMENTS - 1).join(':')];
});

/**
 * Prepares a pattern of ArnEquals and ArnLike: each of the six parts is compared by itself, so that a star does not
 * reach over a colon into the next (IAM User Guide, "Amazon Resource Name (ARN) condition operators").
 *
 * @returns null if the pattern has fewer than six parts and is neither `*` nor a variable
 */
export function compileArnPattern(
  parts: readonly TemplatePart[],
): ((arn: string, context: RequestContext) => boolean) | null {
  const segments = splitAtColons(parts);
  if (segments.length === 1) return compileUndivided(parts);
  if (segments.length < SEGMENTS) return null;
  const tests = segments.map(compileSegment);
  return (arn, context) => {
    const values = segmentsOf(arn);
    return values !== null && tests.every((test, at) => test(values[at]!, context));
  };
}

/** `*` alone stands for any ARN, a variable alone for a whole ARN. */
function compileUndivided(parts: readonly TemplatePart[]): ((arn: string, context: RequestContext) => boolean) | null {
  if (parts.length > 0 && parts.every((part) => part === ANY_RUN)) return (arn) => segmentsOf(arn) !== null;
  return fixedParts(parts) === null ? compileSegment(parts) : null;
}

function compileSegment(parts: readonly TemplatePart[]): (text: string, context: RequestContext) => boolean {
  const fixed = fixedParts(parts);
  if (fixed !== null) return compileGlob(fixed) as TextTest;
  return (text, context) => {
    const resolved: GlobPart[] | null = resolveParts(parts, context);
    return resolved !== null && compileGlob(resolved)(text);
  };
}

/** Splits at the first five colons that the policy itself wrote; a variable's value stays within its part. */
function splitAtColons(parts: readonly TemplatePart[]): TemplatePart[][] {
  const segments: TemplatePart[][] = [[]];
  for (const part of parts) {
    if (typeof part !== 'string') {
      segments.at(-1)!.push(part);
      continue;
    }
    const pieces = part.split(':');
    for (const [at, piece] of pieces.entries()) {
      if (at > 0 && segments.length < SEGMENTS) segments.push([]);
      else if (at > 0) segments.at(-1)!.push(':');
      if (piece !== '') segments.at(-1)!.push(piece);
    }
  }
  return segments;
}
