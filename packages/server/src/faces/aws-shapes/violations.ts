import type { Shape } from './shape.ts';

/** A constraint of the service model that a member breaks. */
export interface Violation {
  /** `filters.1.member.key`. */
  readonly path: string;
  /** As AWS repeats it; null for a member that is missing, undefined for one that must not be repeated. */
  readonly value: string | null | undefined;
  readonly constraint: string;
}

/** A constraint in AWS's words, and whether a value of the given length (or a number of the given size) keeps it. */
export interface Constraint {
  readonly constraint: string;
  holds(value: string, size: number): boolean;
}

/** What is repeated of a value at most: enough to find it, not enough to fill a log. Characters. */
const LONGEST_SHOWN = 1_024;

/** AWS's text for all of them. */
export function violationsText(violations: readonly Violation[]): string {
  const count = violations.length;
  const errors = violations.map(
    ({ path, value, constraint }) => `Value ${shown(value)}at '${path}' failed to satisfy constraint: ${constraint}`,
  );
  return `${count} validation error${count === 1 ? '' : 's'} detected: ${errors.join('; ')}`;
}

function shown(value: Violation['value']): string {
  if (value === undefined) return '';
  return value === null ? 'null ' : `'${value.slice(0, LONGEST_SHOWN)}' `;
}

const prepared = new WeakMap<Shape, readonly Constraint[]>();

/** The constraints of a shape itself, not of what it holds; made once for each. */
export function constraintsOf(shape: Shape): readonly Constraint[] {
  let constraints = prepared.get(shape);
  if (constraints === undefined) {
    constraints = [...boundsOf(shape), ...formOf(shape)];
    prepared.set(shape, constraints);
  }
  return constraints;
}

function boundsOf(shape: Shape): readonly Constraint[] {
  if (shape.kind === 'flag' || shape.kind === 'structure') return [];
  const { min, max } = shape;
  const measure = shape.kind === 'integer' || shape.kind === 'long' ? 'value' : 'length';
  const bounds: Constraint[] = [];
  if (max !== undefined)
    bounds.push({
      constraint: `Member must have ${measure} less than or equal to ${max}`,
      holds: (_, size) => size <= max,
    });
  if (min !== undefined)
    bounds.push({
      constraint: `Member must have ${measure} greater than or equal to ${min}`,
      holds: (_, size) => size >= min,
    });
  return bounds;
}

function formOf(shape: Shape): readonly Constraint[] {
  if (shape.kind !== 'text') return [];
  const { pattern, among } = shape;
  const form: Constraint[] = [];
  if (pattern !== undefined) {
    const whole = new RegExp(`^(?:${pattern})$`, pattern.includes('\\p{') ? 'u' : '');
    form.push({
      constraint: `Member must satisfy regular expression pattern: ${pattern}`,
      holds: (value) => whole.test(value),
    });
  }
  if (among !== undefined)
    form.push({
      constraint: `Member must satisfy enum value set: [${among.join(', ')}]`,
      holds: (value) => among.includes(value),
    });
  return form;
}
