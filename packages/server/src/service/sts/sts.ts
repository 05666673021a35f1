import type { Caller } from '@rekey/core';
import type { InlinePolicies } from '../access/inline-policies.ts';
import type { UseCases } from '../use-case.ts';
import {
  type AssumedRole,
  AssumeRoleCases,
  type AssumeRoleWish,
  type Visitor,
  type WebIdentityWish,
} from './assume-role.ts';
import type { StsParts } from './parts.ts';
import { notWithSession, secondFactorUnknown, undecodable, unknownAccessKey } from './refusals.ts';
import { revocationPolicy } from './revocation.ts';
import type { Sessions, TemporaryCredentials } from './sessions.ts';

export type { AssumedRole, AssumeRoleWish, Visitor, WebIdentityWish } from './assume-role.ts';
export type { StsOptions } from './parts.ts';
export type { TemporaryCredentials } from './sessions.ts';

/** Who somebody is, in the form GetCallerIdentity has. */
export interface CallerIdentity {
  readonly account: string;
  readonly arn: string;
  readonly userId: string;
}

/** Longest and default sessions of GetSessionToken; seconds. Root's are an hour whatever is asked for, as AWS's. */
const HALF_DAY = 43_200;
const HOUR = 3600;

/** Use cases about temporary credentials. */
export class Sts {
  readonly #parts: StsParts;
  readonly #cases: UseCases;
  readonly #sessions: Sessions;
  readonly #assume: AssumeRoleCases;
  readonly #inline: InlinePolicies;

  constructor(parts: StsParts, cases: UseCases, inline: InlinePolicies) {
    this.#parts = parts;
    this.#cases = cases;
    this.#sessions = parts.sessions;
    this.#assume = new AssumeRoleCases(parts, cases, parts.sessions);
    this.#inline = inline;
  }

  /** Nobody can be kept from asking who he is. */
  callerIdentity(caller: Caller): Promise<CallerIdentity> {
    return this.#cases.decided({ caller, action: 'sts:GetCallerIdentity', resource: '*' }, () => {
      const { accountId, arn, id } = caller.principal;
      return { account: accountId, arn, userId: id };
    });
  }

  assumeRole(caller: Caller, wish: AssumeRoleWish): Promise<AssumedRole> {
    return this.#assume.assume(caller, wish);
  }

  /** Needs no signature: the token is the proof. */
  assumeRoleWithWebIdentity(visitor: Visitor, wish: WebIdentityWish): ReturnType<AssumeRoleCases['assumeByToken']> {
    return this.#assume.assumeByToken(visitor, wish);
  }

  /** Credentials for a time for a user or root, who need no permission for it. */
  sessionToken(
    caller: Caller,
    { seconds, secondFactor }: { readonly seconds: number | null; readonly secondFactor: boolean },
  ): Promise<TemporaryCredentials> {
    return this.#cases.decided({ caller, action: 'sts:GetSessionToken', resource: '*' }, async (trail) => {
      const { principal, accessKeyId } = caller;
      if (principal.session !== null || accessKeyId === null) throw notWithSession('GetSessionToken');
      if (secondFactor) throw secondFactorUnknown();
      const isRoot = principal.kind === 'root';
      const holder = isRoot
        ? ({ kind: 'root', parentKeyId: accessKeyId } as const)
        : ({ kind: 'user', userId: principal.id, parentKeyId: accessKeyId } as const);
      const asked = seconds ?? (isRoot ? HOUR : HALF_DAY);
      const plain = { sourceIdentity: null, federatedProvider: null, tags: [], transitiveTagKeys: [], policies: [] };
      const opened = await this.#sessions.open(
        { ...plain, holder, seconds: isRoot ? Math.min(asked, HOUR) : asked },
        null,
      );
      trail.detail = `opened a session as ${opened.accessKeyId}`;
      return opened;
    });
  }

  /** The account an access key belongs to; of keys that are not of this server, nothing is known. */
  accessKeyAccount(caller: Caller, accessKeyId: string): Promise<string> {
    const ask = { caller, action: 'sts:GetAccessKeyInfo', locate: () => besideOwnSessions(caller, 'GetAccessKeyInfo') };
    return this.#cases.onResource(ask, async () => {
      const isKnown =
        accessKeyId === this.#parts.rootKeyId ||
        this.#sessions.isTemporary(accessKeyId) ||
        (await this.#parts.store.get('access-key', accessKeyId)) !== null;
      if (!isKnown) throw unknownAccessKey();
      return this.#parts.account;
    });
  }

  /** Refusals here say in clear what decided, to the audit log and to `rekey policy simulate`; none is ever encoded. */
  decodeMessage(caller: Caller): Promise<never> {
    const operation = 'DecodeAuthorizationMessage';
    const ask = { caller, action: `sts:${operation}`, locate: () => besideOwnSessions(caller, operation) };
    return this.#cases.onResource(ask, () => {
      throw undecodable();
    });
  }

  /**
   * Takes everything from all sessions of a role opened until now, by the policy that AWS's console writes for it. It
   * stays on the role, where it can be seen and taken away; a role that is full of policies takes it too.
   */
  revokeSessions(caller: Caller, role: string): Promise<void> {
    return this.#inline.put(caller, 'role', role, revocationPolicy(this.#parts.clock.now()), true);
  }
}

/**
 * Sessions of GetSessionToken may ask STS for nothing but GetCallerIdentity and AssumeRole.
 * Source: STS API Reference, "GetSessionToken".
 */
function besideOwnSessions({ principal }: Caller, operation: string): { readonly arn: string } {
  if (principal.session !== null && principal.kind !== 'role-session') throw notWithSession(operation);
  return { arn: '*' };
}
