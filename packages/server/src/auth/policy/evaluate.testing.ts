// Short ways to write policies and requests in the suites of this folder.
import type { ContextValue, RequestContext } from './context.ts';
import type { Decision } from './decision.ts';
import { type PolicyDocument, type PolicyKind, readPolicy } from './document.ts';
import { type AttachedPolicy, evaluate, type PoliciesInPlay } from './evaluate.ts';
import type { PolicyPrincipal } from './principals.ts';

export const ACCOUNT = '111122223333';
export const SECRET = `arn:aws:secretsmanager:us-east-1:${ACCOUNT}:secret:app/db-AbCdEf`;
export const READ = 'secretsmanager:GetSecretValue';
export const ROLE_ARN = `arn:aws:iam::${ACCOUNT}:role/Deployer`;
export const SESSION_ARN = `arn:aws:sts::${ACCOUNT}:assumed-role/Deployer/build-7`;
export const USER_ARN = `arn:aws:iam::${ACCOUNT}:user/ana`;
export const ROOT_ARN = `arn:aws:iam::${ACCOUNT}:root`;
export const PROVIDER_ARN = `arn:aws:iam::${ACCOUNT}:oidc-provider/issuer.example`;

const nobody = { accountId: ACCOUNT, name: null, role: null, tags: [], session: null } as const;
const session = { issuedAt: Date.UTC(2026, 0, 1), sourceIdentity: null, federatedProvider: null };

export const PRINCIPALS = {
  root: { ...nobody, kind: 'root', arn: ROOT_ARN, id: ACCOUNT },
  user: { ...nobody, kind: 'user', arn: USER_ARN, id: 'AIDAANA00000000000000', name: 'ana' },
  session: {
    ...nobody,
    kind: 'role-session',
    arn: SESSION_ARN,
    id: 'AROADEPLOYER000000000:build-7',
    role: { arn: ROLE_ARN, id: 'AROADEPLOYER000000000' },
    session,
  },
  bearer: { ...nobody, kind: 'federated', arn: PROVIDER_ARN, id: '' },
  service: { ...nobody, kind: 'service', arn: 'secretsmanager.amazonaws.com', id: '' },
} as const satisfies Record<string, PolicyPrincipal>;

export type Values = Readonly<Record<string, ContextValue>>;

/** A context from keys as one writes them. */
export function contextWith(values: Values): RequestContext {
  const known = new Map(Object.entries(values).map(([key, value]) => [key.toLowerCase(), value]));
  return { get: (key) => known.get(key) };
}

export type Written = Readonly<Record<string, unknown>>;

export function document(kind: PolicyKind, ...statements: readonly Written[]): PolicyDocument {
  return readPolicy({ Version: '2012-10-17', Statement: statements }, { kind });
}

export function attached(kind: PolicyKind, ...statements: readonly Written[]): AttachedPolicy {
  return { name: kind, document: document(kind, ...statements) };
}

/** A statement about reading any secret, with what a row wants to be different. */
export function allow(more: Written = {}): Written {
  return { Effect: 'Allow', Action: READ, Resource: '*', ...more };
}

export function deny(more: Written = {}): Written {
  return { ...allow(more), Effect: 'Deny' };
}

export interface Asked {
  readonly principal?: PolicyPrincipal;
  readonly action?: string;
  readonly resource?: string;
  readonly values?: Values;
}

export function decide(policies: PoliciesInPlay, asked: Asked = {}): Decision {
  const { principal = PRINCIPALS.user, action = READ, resource = SECRET, values = {} } = asked;
  return evaluate({ principal, action, resource, context: contextWith(values), policies });
}

/** Whether one identity statement alone lets the user do it. */
export function allowsAlone(statement: Written, asked: Asked = {}): boolean {
  return decide({ identity: [attached('identity', statement)] }, asked).allowed;
}

/** Whether a condition holds: a statement with it alone decides. */
export function holds(condition: Written, values: Values): boolean {
  return allowsAlone(allow({ Condition: condition }), { values });
}
