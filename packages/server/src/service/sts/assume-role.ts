import type { Caller, RoleRecord } from '@rekey/core';
import type { WebIdentity } from '../../auth/oidc/web-identity.ts';
import type { ContextValue } from '../../auth/policy/context.ts';
import type { Trail, UseCases } from '../use-case.ts';
import {
  checkPackedSize,
  checkPolicies,
  findPolicies,
  readTags,
  type WantedPolicies,
  type WantedTags,
} from './narrowing.ts';
import { type OwnPolicies, ownPoliciesOf } from './own-policies.ts';
import type { StsParts } from './parts.ts';
import {
  contextsUnknown,
  denied,
  durationOverChain,
  durationOverRole,
  invalidRoleArn,
  notTrusted,
  onlyOpenId,
  rootCannotAssume,
  secondFactorUnknown,
  sourceIdentityFixed,
} from './refusals.ts';
import { assumedRoleArn, type Sessions, type TemporaryCredentials } from './sessions.ts';
import { tokenTags } from './token-tags.ts';
import { decideTrust } from './trust-decision.ts';

interface CommonWish extends WantedPolicies {
  readonly roleArn: string;
  readonly sessionName: string;
  /** Null for the default, an hour. */
  readonly seconds: number | null;
}

export interface AssumeRoleWish extends CommonWish, WantedTags {
  readonly externalId: string | null;
  readonly sourceIdentity: string | null;
  /** A serial number or code of a second factor was given. */
  readonly secondFactor: boolean;
  /** Contexts of other providers were given. */
  readonly contexts: boolean;
}

export interface WebIdentityWish extends CommonWish {
  readonly token: string;
  /** Of OAuth 2.0 access tokens, which are not accepted; null for none. */
  readonly providerId: string | null;
}

export interface AssumedRole {
  readonly credentials: TemporaryCredentials;
  /** ARN and id of the session. */
  readonly arn: string;
  readonly id: string;
  readonly sourceIdentity: string | null;
  /** Percent of the room for policies and tags; null where there are none. */
  readonly packedSize: number | null;
}

/** Somebody who is not known before his token is: where the request came from. */
export type Visitor = Omit<Caller, 'principal' | 'accessKeyId'>;

const HOUR = 3600;

/** What a session would be, once its wish has been read; not yet permitted. */
interface SessionPlan extends WantedTags {
  readonly caller: Caller;
  readonly action: string;
  readonly wish: CommonWish;
  readonly seconds: number;
  readonly sourceIdentity: string | null;
  readonly federatedProvider: string | null;
  /** Tags that this request sets; those handed on are not among them. */
  readonly ownTags: WantedTags['tags'];
  readonly keys: Readonly<Record<string, ContextValue>>;
}

/** Use cases by which somebody becomes a role for a while. */
export class AssumeRoleCases {
  readonly #parts: StsParts;
  readonly #cases: UseCases;
  readonly #sessions: Sessions;

  constructor(parts: StsParts, cases: UseCases, sessions: Sessions) {
    this.#parts = parts;
    this.#cases = cases;
    this.#sessions = sessions;
  }

  /** By a role's trust in the caller. */
  assume(caller: Caller, wish: AssumeRoleWish): Promise<AssumedRole> {
    const action = 'sts:AssumeRole';
    return this.#cases.decided({ caller, action, resource: wish.roleArn }, async (trail) => {
      if (caller.principal.kind === 'root') throw rootCannotAssume();
      if (wish.secondFactor) throw secondFactorUnknown();
      if (wish.contexts) throw contextsUnknown();
      const plan = this.#plan(caller, action, wish);
      return this.#perform(plan, await ownPoliciesOf(this.#parts.directory, caller.principal), trail);
    });
  }

  /** By a role's trust in an issuer of tokens; the token is the only proof. */
  async assumeByToken(
    visitor: Visitor,
    wish: WebIdentityWish,
  ): Promise<AssumedRole & { readonly identity: WebIdentity }> {
    const action = 'sts:AssumeRoleWithWebIdentity';
    const identity = await this.#verified(visitor, action, wish);
    const caller = bearerOf(visitor, identity, this.#parts.account);
    return this.#cases.decided({ caller, action, resource: wish.roleArn }, async (trail) => {
      trail.detail = `subject ${identity.subject}`;
      const plan = this.#planByToken(caller, action, wish, identity);
      return { ...(await this.#perform(plan, { identity: [] }, trail)), identity };
    });
  }

  async #verified(visitor: Visitor, action: string, { token, providerId }: WebIdentityWish): Promise<WebIdentity> {
    try {
      if (providerId !== null) throw onlyOpenId();
      return await this.#parts.verifyWebIdentity(token);
    } catch (error) {
      const { address, requestId } = visitor;
      await this.#cases.refuse({ action, principal: 'anonymous', accessKeyId: null, address, requestId }, error);
      throw error;
    }
  }

  #plan(caller: Caller, action: string, wish: AssumeRoleWish): SessionPlan {
    const { principal } = caller;
    const seconds = wish.seconds ?? HOUR;
    if (principal.kind === 'role-session' && seconds > HOUR) throw durationOverChain();
    const before = principal.session?.sourceIdentity ?? null;
    if (before !== null && wish.sourceIdentity !== null && wish.sourceIdentity !== before) throw sourceIdentityFixed();
    const sourceIdentity = before ?? wish.sourceIdentity;
    checkPolicies(wish);
    const tags = readTags(wish, principal);
    return {
      ...{ caller, action, wish, seconds, sourceIdentity, ...tags, ownTags: wish.tags },
      federatedProvider: principal.session?.federatedProvider ?? null,
      keys: {
        'sts:RoleSessionName': wish.sessionName,
        ...(wish.externalId === null ? {} : { 'sts:ExternalId': wish.externalId }),
        ...(sourceIdentity === null ? {} : { 'sts:SourceIdentity': sourceIdentity }),
        ...(wish.transitiveTagKeys.length === 0 ? {} : { 'sts:TransitiveTagKeys': wish.transitiveTagKeys }),
      },
    };
  }

  #planByToken(caller: Caller, action: string, wish: WebIdentityWish, identity: WebIdentity): SessionPlan {
    const { sourceIdentity, ...wanted } = tokenTags(identity.claims);
    checkPolicies(wish);
    const tags = readTags(wanted, caller.principal);
    return {
      ...{ caller, action, wish, sourceIdentity, ...tags, ownTags: tags.tags, seconds: wish.seconds ?? HOUR },
      federatedProvider: identity.provider.arn,
      keys: {
        ...identity.keys,
        'sts:RoleSessionName': wish.sessionName,
        ...(sourceIdentity === null ? {} : { 'sts:SourceIdentity': sourceIdentity }),
        ...(tags.transitiveTagKeys.length === 0 ? {} : { 'sts:TransitiveTagKeys': tags.transitiveTagKeys }),
      },
    };
  }

  async #perform(plan: SessionPlan, own: OwnPolicies, trail: Trail): Promise<AssumedRole> {
    const { wish } = plan;
    const role = await this.#findRole(plan);
    const why = this.#permit(plan, role, own);
    if (plan.seconds > role.maxSessionDuration) throw durationOverRole();
    const { seconds, sourceIdentity, federatedProvider, tags, transitiveTagKeys } = plan;
    const policies = await findPolicies(wish, this.#parts.store);
    const packedSize = checkPackedSize(policies, tags);
    const holder = { kind: 'role', roleId: role.id, sessionName: wish.sessionName } as const;
    const credentials = await this.#sessions.open(
      { holder, seconds, sourceIdentity, federatedProvider, tags, transitiveTagKeys, policies },
      role,
    );
    const arn = assumedRoleArn(this.#parts.account, role.name, wish.sessionName);
    trail.detail = [trail.detail, why, `opened ${arn} as ${credentials.accessKeyId}`].filter(Boolean).join('; ');
    return { credentials, arn, id: `${role.id}:${wish.sessionName}`, sourceIdentity, packedSize };
  }

  #permit(plan: SessionPlan, role: RoleRecord, policies: OwnPolicies): string {
    const { clock, directory, region } = this.#parts;
    const trust = directory.trustOf(role);
    const { caller, action, ownTags, keys } = plan;
    const actions = [
      action,
      ...(plan.tags.length === 0 ? [] : ['sts:TagSession']),
      ...(plan.sourceIdentity === null ? [] : ['sts:SetSourceIdentity']),
    ];
    const question = { caller, role, trust, actions, policies, tags: ownTags, keys, region, now: clock.now() };
    const answer = decideTrust(question);
    if (!answer.allowed) throw untrusted(caller, answer.action, role.arn, answer.why);
    return answer.why;
  }

  /** A role that is not there is refused in the words of one that does not trust the caller. */
  async #findRole(plan: SessionPlan): Promise<RoleRecord> {
    const { roleArn } = plan.wish;
    checkArn(roleArn);
    const found = await this.#parts.directory.findRole(roleArn);
    if (found === null) throw untrusted(plan.caller, plan.action, roleArn, 'there is no such role');
    return found;
  }
}

/** At least six parts, with partition, service and resource, as AWS looks at it. */
function checkArn(arn: string): void {
  const [scheme, partition, service, , , ...resource] = arn.split(':');
  if (scheme !== 'arn' || !partition || !service || resource.join(':') === '') throw invalidRoleArn(arn);
}

function untrusted(caller: Caller, action: string, role: string, why: string) {
  return caller.principal.kind === 'federated'
    ? denied(`Not authorized to perform ${action}`, why)
    : notTrusted(caller.principal.arn, action, role, why);
}

/** Who bears a token is nobody of this account until it is a role. */
function bearerOf(visitor: Visitor, { provider }: WebIdentity, accountId: string): Caller {
  const nothing = { id: '', name: null, role: null, tags: [], session: null };
  return { ...visitor, accessKeyId: null, principal: { kind: 'federated', arn: provider.arn, accountId, ...nothing } };
}
