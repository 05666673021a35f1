import { RekeyError, type ResourcePolicy } from '@rekey/core';
import { describeProblems, type PolicyDocument, parsePolicy, readPolicy } from '../auth/policy/document.ts';
import type { AttachedPolicy } from '../auth/policy/evaluate.ts';
import { LARGEST_POLICY } from '../auth/policy/limits.ts';
import { type BroadStatement, broadStatements } from '../auth/policy/public-access.ts';
import type { Store } from '../store/store.ts';
import { AccessRecords } from './access/records.ts';

const RULES = { kind: 'resource', largest: LARGEST_POLICY.resource } as const;
const USER_OR_ROLE = /^arn:[^:]+:iam::\d{12}:(?:user|role)\//;
const UNIQUE_ID = /^(?:AIDA|AROA)/;

/**
 * Reads the policy that somebody wants to put on a secret.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-policy-document`
 */
export function readResourcePolicy(text: string): PolicyDocument {
  const { policy, problems } = parsePolicy(text, RULES);
  if (policy === null) throw malformed(`This policy has invalid syntax. ${sentenceOf(describeProblems(problems))}`);
  return policy;
}

function sentenceOf(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

/**
 * Users and roles that a policy names, with their unique ids.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-policy-document` where somebody does not exist
 */
export async function findNamed(
  policy: PolicyDocument,
  account: string,
  store: Store,
): Promise<ResourcePolicy['principals']> {
  const found: Record<string, string> = {};
  for (const { principals } of policy.statements) {
    for (const other of principals?.accounts ?? []) if (other !== account) throw unknownPrincipal(other);
    for (const named of principals?.names ?? []) {
      const isArn = USER_OR_ROLE.test(named);
      if (!isArn && !UNIQUE_ID.test(named)) continue;
      const id = isArn ? await idBehind(store, named) : await knownId(store, named);
      if (id === null) throw unknownPrincipal(named);
      if (isArn) found[named] = id;
    }
  }
  return found;
}

async function idBehind(store: Store, arn: string): Promise<string | null> {
  const records = new AccessRecords(store);
  return ((await records.findByArn('user', arn)) ?? (await records.findByArn('role', arn)))?.id ?? null;
}

async function knownId(store: Store, id: string): Promise<string | null> {
  return (await store.get(id.startsWith('AIDA') ? 'user' : 'role', id)) === null ? null : id;
}

const compiled = new WeakMap<ResourcePolicy, AttachedPolicy>();

/**
 * A secret's own policy, ready to be asked; read once for each record in memory. Users and roles stand in it by unique id,
 * so that it does not pass to whoever gets a name later.
 *
 * @param lenient null, instead of an error, for a policy that is not understood: root can put another
 * @throws RekeyError `integrity` for a policy that was taken once and is not understood now: it may hold a Deny
 */
export function resourcePolicyInPlay(name: string, policy: ResourcePolicy, lenient: boolean): AttachedPolicy | null {
  const known = compiled.get(policy);
  if (known !== undefined) return known;
  try {
    const document = readPolicy(withIds(JSON.parse(policy.text), policy.principals), RULES);
    const attached = { name: `policy of ${name}`, document };
    compiled.set(policy, attached);
    return attached;
  } catch (cause) {
    if (lenient) return null;
    const message = `The stored policy of "${name}" is not understood; put it again.`;
    throw new RekeyError('integrity', message, { reason: 'policy-not-understood', cause });
  }
}

interface Written {
  readonly Principal?: unknown;
  readonly NotPrincipal?: unknown;
}

function withIds(written: { readonly Statement: Written | Written[] }, ids: ResourcePolicy['principals']): object {
  const statements = [written.Statement].flat().map((statement) => ({
    ...statement,
    ...(statement.Principal === undefined ? {} : { Principal: idsFor(statement.Principal, ids) }),
    ...(statement.NotPrincipal === undefined ? {} : { NotPrincipal: idsFor(statement.NotPrincipal, ids) }),
  }));
  return { ...written, Statement: statements };
}

function idsFor(principal: unknown, ids: ResourcePolicy['principals']): unknown {
  if (typeof principal !== 'object' || principal === null || !('AWS' in principal)) return principal;
  const named = [principal.AWS].flat().map((name) => (Object.hasOwn(ids, String(name)) ? ids[String(name)] : name));
  return { ...principal, AWS: named };
}

/**
 * @throws RekeyError `invalid-input`, reason `policy-is-public`, for a policy that lets in more than somebody in
 * particular
 */
export function refusePublic(policy: PolicyDocument): void {
  const [broad] = broadStatements(policy);
  if (broad === undefined) return;
  throw new RekeyError('invalid-input', describeBroad(broad), { reason: 'policy-is-public' });
}

export function describeBroad({ sid, index }: BroadStatement): string {
  return `The resource policy grants broad access: statement ${sid ?? index + 1} allows any principal; name principals, or add a condition on who asks or from where.`;
}

function unknownPrincipal(named: string): RekeyError {
  return malformed(`This resource policy contains an unsupported principal. ${named} does not exist.`);
}

function malformed(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'malformed-policy-document' });
}
