import { coversAction } from './actions.ts';
import type { Condition } from './conditions.ts';
import type { PolicyDocument } from './document.ts';
import type { BroadStatement } from './public-access.ts';
import type { Statement } from './statement.ts';

const WEB_IDENTITY = 'sts:assumerolewithwebidentity';
const CLOSING: ReadonlySet<string> = new Set(['StringEquals', 'StringEqualsIgnoreCase', 'StringLike']);
/** What the token itself fills in: `${issuer.example:sub}` is every subject. `${*}`, `${?}` and `${$}` are characters. */
const VARIABLE = /\$\{(?![*?$]\})/;

/**
 * The statements of a trust policy that let in every bearer of a token that some provider issues, whoever its subject
 * is: any workflow of any repository, any service account of the cluster. Such a policy is refused unless its writer
 * says that any subject is meant.
 */
export function statementsOpenToAnySubject(policy: PolicyDocument): readonly BroadStatement[] {
  return policy.statements.filter(isOpen).map(({ index, sid }) => ({ index, sid }));
}

function isOpen({ effect, principals, actions, conditions }: Statement): boolean {
  if (effect !== 'Allow' || principals === null || !coversAction(actions, WEB_IDENTITY)) return false;
  const namesProviders = principals.everybody || principals.providers.size > 0;
  return namesProviders && !conditions.some(closesSubject);
}

function closesSubject({ key, operator, values, quantifier, ifExists }: Condition): boolean {
  if (!key.endsWith(':sub') || ifExists || quantifier === 'ForAllValues' || !CLOSING.has(operator)) return false;
  return values.every((value) => !VARIABLE.test(value) && (operator !== 'StringLike' || !/^[*?]*$/.test(value)));
}
