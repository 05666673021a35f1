import { type ActionClause, parseActions } from './actions.ts';
import type { PolicyKind } from './condition-keys.ts';
import { type Condition, compileConditions, refuseVariable } from './conditions.ts';
import { type PrincipalClause, parsePrincipals } from './principals.ts';
import { type Place, quoted } from './problems.ts';
import { parseResources, type ResourceClause } from './resources.ts';
import { isObject } from './shape.ts';

/** One statement, ready to be asked. */
export interface Statement {
  readonly index: number;
  readonly sid: string | null;
  readonly effect: 'Allow' | 'Deny';
  /** Null in policies that are attached to whom they are about. */
  readonly principals: PrincipalClause | null;
  readonly actions: ActionClause;
  /** Null in trust policies, which are about their role. */
  readonly resources: ResourceClause | null;
  readonly conditions: readonly Condition[];
}

export interface StatementRules {
  readonly kind: PolicyKind;
  readonly variables: boolean;
}

const MEMBERS = new Set([
  'Sid',
  'Effect',
  'Principal',
  'NotPrincipal',
  'Action',
  'NotAction',
  'Resource',
  'NotResource',
  'Condition',
]);

/** Reads one statement; null where anything in it was refused, which is noted at its place. */
export function parseStatement(written: unknown, index: number, rules: StatementRules, place: Place): Statement | null {
  if (!isObject(written)) return place.refuse('A statement is an object.');
  const refusedBefore = place.problems.length;
  for (const name of Object.keys(written)) if (!MEMBERS.has(name)) place.refuse(unknownMember(name));
  const sid = parseSid(written.Sid, rules.kind, place.member('Sid'));
  const effect = parseEffect(written.Effect, place.member('Effect'));
  const principals = readPrincipals(written, rules.kind, place);
  const actions = readActions(written, rules.kind, place);
  const resources = readResources(written, rules, place);
  const conditions = Object.hasOwn(written, 'Condition')
    ? compileConditions(written.Condition, rules, place.member('Condition'))
    : [];
  if (effect === null || actions === null || place.problems.length > refusedBefore) return null;
  return { index, sid, effect, principals, actions, resources, conditions };
}

function unknownMember(name: string): string {
  return `A statement has no member ${quoted(name)}; it has ${[...MEMBERS].join(', ')}.`;
}

/** IAM takes letters and digits; Secrets Manager takes any text. */
function parseSid(sid: unknown, kind: PolicyKind, place: Place): string | null {
  if (sid === undefined || sid === '') return null;
  if (typeof sid !== 'string') return place.refuse('Sid is a string.');
  const allowed = kind === 'resource' || /^[A-Za-z0-9]+$/.test(sid);
  return allowed ? sid : place.refuse(`Sid takes letters and digits only, unlike ${quoted(sid)}.`);
}

function parseEffect(effect: unknown, place: Place): 'Allow' | 'Deny' | null {
  return effect === 'Allow' || effect === 'Deny' ? effect : place.refuse('Effect is "Allow" or "Deny".');
}

function readPrincipals(written: Record<string, unknown>, kind: PolicyKind, place: Place): PrincipalClause | null {
  const named = eitherOf(written, 'Principal', 'NotPrincipal', kind === 'resource' || kind === 'trust', place);
  if (named === null) return null;
  if (kind !== 'resource' && kind !== 'trust') {
    return place.refuse('This policy is about whom it is attached to; it names no principals.');
  }
  if (named.negated && kind === 'trust') return place.refuse('A trust policy takes Principal, not NotPrincipal.');
  if (named.negated && written.Effect !== 'Deny') {
    return place.refuse('NotPrincipal goes with Deny only: with Allow it would let in everybody else.');
  }
  return parsePrincipals(named.value, named.negated, named.place);
}

function readActions(written: Record<string, unknown>, kind: PolicyKind, place: Place): ActionClause | null {
  const named = eitherOf(written, 'Action', 'NotAction', true, place);
  return named === null ? null : parseActions(named.value, named.negated, kind === 'trust', named.place);
}

function readResources(written: Record<string, unknown>, rules: StatementRules, place: Place): ResourceClause | null {
  const named = eitherOf(written, 'Resource', 'NotResource', rules.kind !== 'trust', place);
  if (named === null) return null;
  if (rules.kind === 'trust') return place.refuse('A trust policy is about its role; it names no resources.');
  const templateRules = {
    variables: rules.variables,
    refuseVariable: (key: string) => refuseVariable(key, rules.kind),
  };
  return parseResources(named.value, named.negated, templateRules, named.place);
}

interface Named {
  readonly value: unknown;
  readonly negated: boolean;
  readonly place: Place;
}

/** The one of two members that exclude each other; null if neither is there, or both, which is refused. */
function eitherOf(
  written: Record<string, unknown>,
  name: string,
  negatedName: string,
  required: boolean,
  place: Place,
): Named | null {
  const [plain, negated] = [Object.hasOwn(written, name), Object.hasOwn(written, negatedName)];
  if (plain && negated) return place.refuse(`A statement has ${name} or ${negatedName}, not both.`);
  if (plain) return { value: written[name], negated: false, place: place.member(name) };
  if (negated) return { value: written[negatedName], negated: true, place: place.member(negatedName) };
  return required ? place.refuse(`A statement needs ${name} or ${negatedName}.`) : null;
}
