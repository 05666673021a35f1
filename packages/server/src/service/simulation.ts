import { type Caller, type Principal, RekeyError, rootPrincipal, type Tag } from '@rekey/core';
import type { ContextValue } from '../auth/policy/context.ts';
import { type DecidingStatement, type Decision, describeDecision } from '../auth/policy/decision.ts';
import { evaluate } from '../auth/policy/evaluate.ts';
import type { PolicyPrincipal } from '../auth/policy/principals.ts';
import { AccessRecords } from './access/records.ts';
import { AskContext } from './ask-context.ts';
import { arnOfUnknown, resolveSecret } from './names.ts';
import type { ServiceParts } from './parts.ts';
import type { Permissions } from './permit.ts';
import { ownPoliciesOf } from './sts/own-policies.ts';
import type { UseCases } from './use-case.ts';

/** A request that somebody might make. */
export interface SimulationWish {
  /** ARN of a user or role, or of root. */
  readonly principal: string;
  /** `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** Name or ARN of a secret, which need not exist, or ARN of a user, role or policy; `*` for what concerns none. */
  readonly secretId: string;
  /** Condition keys of the request, which go before what is known of it (`aws:SourceIp`, `secretsmanager:VersionStage` …). */
  readonly keys: Readonly<Record<string, ContextValue>>;
}

/** What would be decided. */
export interface Simulated {
  readonly allowed: boolean;
  /** As the audit log would tell it: `allowed by the identity-based policy "ReadApp", statement ReadOne`. */
  readonly sentence: string;
  /** Null where no statement decides. */
  readonly decidedBy: DecidingStatement | null;
  /** What it was decided on. */
  readonly resource: string;
}

const SESSION_NAME = 'simulated';
const ACTION = /^[a-z0-9-]+:[a-z0-9]+$/i;
/** What a role's trust policy has to allow. */
const OF_TRUST = /^sts:(?:AssumeRole|AssumeRoleWithWebIdentity|TagSession|SetSourceIdentity)$/i;
const ROLE_ARN = /^arn:[a-z0-9-]+:iam::\d{12}:role\//;

/**
 * Shows a decision without anybody asking in earnest: with everything that would have a say, the secret's own policy and
 * tags too, and a role's trust in who would assume it. What a request needs besides its action (to tag, to use an admin credential) has to be asked apart.
 */
export class SimulationCases {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #permissions: Permissions;

  constructor(parts: ServiceParts, cases: UseCases, permissions: Permissions) {
    this.#parts = parts;
    this.#cases = cases;
    this.#permissions = permissions;
  }

  /** Whether a user or role may do something. Needs `iam:SimulatePrincipalPolicy` on the principal. */
  ofSecret(caller: Caller, wish: SimulationWish): Promise<Simulated> {
    const locate = () => ({ arn: wish.principal });
    return this.#cases.onResource({ caller, action: 'iam:SimulatePrincipalPolicy', locate }, async () => {
      if (!ACTION.test(wish.action))
        throw refused(
          'action-malformed',
          `"${wish.action}" is no action; write one such as secretsmanager:GetSecretValue`,
        );
      const principal = await this.#find(wish.principal);
      const isOfTrust = OF_TRUST.test(wish.action) && ROLE_ARN.test(wish.secretId);
      return isOfTrust ? this.#decideTrust(principal, wish) : this.#decide(principal, wish);
    });
  }

  async #decide(principal: Principal, { action, secretId, keys }: SimulationWish): Promise<Simulated> {
    const { store, region, account } = this.#parts;
    const found = secretId === '*' ? null : await resolveSecret(store, secretId, region, region);
    const resource = secretId === '*' ? '*' : (found?.record.arn ?? arnOfUnknown(secretId, { region, account }));
    const question = { caller: asking(principal), action, resource, asked: secretId, secret: found?.record ?? null };
    const decision = await this.#permissions.decide({ ...question, tags: await this.#tagsOf(secretId), keys });
    return simulated(decision, resource);
  }

  async #decideTrust(principal: Principal, { action, secretId: arn, keys }: SimulationWish): Promise<Simulated> {
    const { access, region, clock } = this.#parts;
    const { directory } = access;
    const role = await directory.findRole(arn);
    if (role === null) return { allowed: false, sentence: 'there is no such role', decidedBy: null, resource: arn };
    const question = { caller: asking(principal), action, resource: arn, asked: arn, secret: null, keys };
    const asker = principal as PolicyPrincipal;
    const parts = { directory, region, now: () => clock.now() };
    const context = new AskContext({ ...question, tags: role.tags }, asker, parts, null);
    const policies = { ...(await ownPoliciesOf(directory, principal)), trust: directory.trustOf(role) };
    return simulated(evaluate({ principal: asker, action, resource: arn, context, policies }), arn);
  }

  /** Of a user, role or policy; none of what is neither. */
  async #tagsOf(arn: string): Promise<readonly Tag[]> {
    const records = new AccessRecords(this.#parts.store);
    for (const kind of ['user', 'role', 'policy'] as const) {
      const found = await records.findByArn(kind, arn);
      if (found !== null) return found.record.tags;
    }
    return [];
  }

  async #find(arn: string): Promise<Principal> {
    const { store, account, clock, access } = this.#parts;
    const root = rootPrincipal(account);
    if (arn === root.arn) return root;
    const records = new AccessRecords(store);
    const user = await records.findByArn('user', arn);
    if (user !== null) return access.directory.principalOf(user.record);
    const role = await records.findByArn('role', arn);
    if (role === null) throw refused('principal-unknown', `There is no user or role ${arn}; name one by its whole ARN`);
    const { id, name, tags } = role.record;
    const session = { sourceIdentity: null, federatedProvider: null, policies: [], transitiveTagKeys: [] };
    return {
      kind: 'role-session',
      arn: `arn:aws:sts::${account}:assumed-role/${name}/${SESSION_NAME}`,
      accountId: account,
      id: `${id}:${SESSION_NAME}`,
      name: null,
      role: { arn, id },
      tags,
      session: { ...session, issuedAt: clock.now() },
    };
  }
}

function simulated(decision: Decision, resource: string): Simulated {
  const { allowed, decidedBy } = decision;
  return { allowed, sentence: describeDecision(decision), decidedBy, resource };
}

/** From this machine over TLS, unless the keys say otherwise. */
function asking(principal: Principal): Caller {
  const from = { address: '127.0.0.1', secure: true, userAgent: null, face: SESSION_NAME, requestId: SESSION_NAME };
  return { principal, accessKeyId: null, ...from };
}

function refused(reason: string, sentence: string): RekeyError {
  return new RekeyError('invalid-input', `${sentence}.`, { reason });
}
