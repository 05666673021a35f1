import type { Condition } from './conditions.ts';
import type { PolicyDocument } from './document.ts';
import { parseIpRange } from './ip-range.ts';
import type { Statement } from './statement.ts';

/** A statement that lets in more than somebody in particular. */
export interface BroadStatement {
  readonly index: number;
  readonly sid: string | null;
}

/** Keys that tell who asks, or which account they belong to. */
const IDENTIFYING: ReadonlySet<string> = new Set(['aws:principalarn', 'aws:principalaccount', 'aws:userid']);
/** Operators under which a missing or different value closes the door. */
const CLOSING: ReadonlySet<string> = new Set([
  'StringEquals',
  'StringEqualsIgnoreCase',
  'StringLike',
  'ArnEquals',
  'ArnLike',
]);
/** Prefixes shorter than these hold so many addresses that they restrict nobody. */
const NARROW_ENOUGH_IPV4 = 8;
const NARROW_ENOUGH_IPV6 = 32;

/**
 * The statements of a resource policy that allow everybody (`"Principal": "*"`) without a condition that narrows it to
 * fixed callers or addresses; BlockPublicPolicy refuses a policy with any. Source: Amazon S3 User Guide, "The meaning of
 * public", whose rules for fixed values (no wildcards, no variables) and broad CIDRs these are. A Deny elsewhere in the
 * policy does not count in its favour.
 */
export function broadStatements(policy: PolicyDocument): readonly BroadStatement[] {
  return policy.statements.filter(isBroad).map(({ index, sid }) => ({ index, sid }));
}

function isBroad({ effect, principals, conditions }: Statement): boolean {
  return effect === 'Allow' && principals?.everybody === true && !conditions.some(narrows);
}

function narrows(condition: Condition): boolean {
  const { key, operator, values } = condition;
  if (condition.ifExists || condition.quantifier === 'ForAllValues') return false;
  if (key === 'aws:sourceip') return operator === 'IpAddress' && values.every(isNarrowRange);
  return IDENTIFYING.has(key) && CLOSING.has(operator) && values.every(isFixed);
}

function isFixed(value: string): boolean {
  return value !== '' && !/[*?]|\$\{/.test(value);
}

function isNarrowRange(value: string): boolean {
  const range = parseIpRange(value);
  if (range === null) return false;
  return range.prefix >= (range.groups.length === 2 ? NARROW_ENOUGH_IPV4 : NARROW_ENOUGH_IPV6);
}
