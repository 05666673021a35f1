import { type Caller, RekeyError, type SecretRecord } from '@rekey/core';
import type { AuditEntry } from '../audit/entry.ts';
import { arnOfUnknown, type FoundSecret, regionOf, resolveSecret } from './names.ts';
import type { ServiceParts } from './parts.ts';
import { notPermitted, type PermitContext, permit } from './permit.ts';
import { onlyInPrimary, secretNotFound } from './refusals.ts';

const NO_KEYS: PermitContext['keys'] = {};

/** What somebody asks for. */
export interface Ask {
  readonly caller: Caller;
  /** As in IAM policies: `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** Further actions the same request needs; each is decided on the same resource. */
  readonly alsoNeeds?: readonly string[];
  readonly keys?: PermitContext['keys'];
  /** Whether it can also be asked where the secret is a replica: of what changes nothing. */
  readonly alsoReplicas?: boolean;
}

/** What the audit entry of a request will say; use cases add what they come to know. */
export interface Trail {
  resource: string | null;
  versionId: string | null;
  /** The statement that allowed it. */
  detail: string | null;
}

/**
 * The one way through which every use case goes: permit, do, audit the outcome, answer. A failed audit fails the
 * request, because nothing is answered that is not on record.
 */
export class UseCases {
  readonly #parts: ServiceParts;

  constructor(parts: ServiceParts) {
    this.#parts = parts;
  }

  /** A request about one existing secret. */
  onSecret<T>(
    ask: Ask & { readonly secretId: string },
    perform: (found: FoundSecret, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    return this.onSecretIfAny(ask, (found, trail) => {
      if (found === null) throw secretNotFound(ask.secretId);
      return perform(found, trail);
    });
  }

  /** A request about one secret, which has an answer also where there is none. */
  onSecretIfAny<T>(
    ask: Ask & { readonly secretId: string },
    perform: (found: FoundSecret | null, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const trail: Trail = { resource: ask.secretId, versionId: null, detail: null };
    return this.#audited(ask, trail, async () => {
      const { store, region: home, account } = this.#parts;
      const region = regionOf(ask.caller, this.#parts);
      const found = await resolveSecret(store, ask.secretId, region, home);
      trail.resource = found === null ? arnOfUnknown(ask.secretId, { region, account }) : found.record.arn;
      trail.detail = this.#permit(ask, trail.resource, found?.record ?? null);
      if (found?.isReplica && ask.alsoReplicas !== true) throw onlyInPrimary(found.record);
      return perform(found, trail);
    });
  }

  /** A request about a name that may or may not be taken, or (`*`) about no secret in particular. */
  async onName<T>(ask: Ask & { readonly name: string }, perform: (trail: Trail) => Promise<T> | T): Promise<T> {
    const { account } = this.#parts;
    const region = regionOf(ask.caller, this.#parts);
    const resource = ask.name === '*' ? '*' : arnOfUnknown(ask.name, { region, account });
    const trail: Trail = { resource, versionId: null, detail: null };
    return this.#audited(ask, trail, () => {
      trail.detail = this.#permit(ask, resource, null);
      return perform(trail);
    });
  }

  /**
   * A request about something that is no secret: a user, a role, a policy.
   *
   * @param locate looks up what it is about; permission is decided on the ARN it answers with
   */
  async onResource<T, F extends { readonly arn: string }>(
    ask: Ask & { locate(): F | Promise<F> },
    perform: (found: F, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const trail: Trail = { resource: null, versionId: null, detail: null };
    return this.#audited(ask, trail, async () => {
      const found = await ask.locate();
      trail.resource = found.arn;
      trail.detail = this.#permit(ask, found.arn, null);
      return perform(found, trail);
    });
  }

  /**
   * A request that is not for the caller's own policies to decide: a role's trust decides it, or whoever is proven may
   * ask. `perform` refuses by RekeyError `not-permitted`, and says in the trail what allowed it.
   */
  decided<T>(
    { caller, action, resource }: Pick<Ask, 'caller' | 'action'> & { readonly resource: string },
    perform: (trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const trail: Trail = { resource, versionId: null, detail: null };
    return this.#audited({ caller, action }, trail, async () => perform(trail));
  }

  /** Audits a request that was refused before any use case began: malformed, unknown, not authenticated. */
  async refuse(
    request: Pick<AuditEntry, 'action' | 'principal' | 'accessKeyId' | 'address' | 'requestId'>,
    error: unknown,
  ): Promise<void> {
    await this.#append({ ...request, resource: null, versionId: null, ...outcomeOf(error) });
  }

  #permit(ask: Ask, resource: string, secret: SecretRecord | null): string {
    const { caller, action, alsoNeeds, keys = NO_KEYS } = ask;
    const context = { secret, keys };
    const { allowed, statement } = permit(caller, action, resource, context);
    if (!allowed) throw notPermitted(caller, action, resource, statement);
    for (const other of alsoNeeds ?? []) {
      const decision = permit(caller, other, resource, context);
      if (!decision.allowed) throw notPermitted(caller, other, resource, decision.statement);
    }
    return statement;
  }

  async #audited<T>({ caller, action }: Ask, trail: Trail, perform: () => Promise<T> | T): Promise<T> {
    const asked = { ...whoAsks(caller), action };
    let answer: T;
    try {
      answer = await perform();
    } catch (error) {
      await this.#append({ ...asked, ...trail, ...outcomeOf(error) });
      throw error;
    }
    await this.#append({ ...asked, ...trail, outcome: 'allowed' });
    return answer;
  }

  async #append(entry: Omit<AuditEntry, 'time' | 'kind'>): Promise<void> {
    try {
      await this.#parts.audit.append({ time: this.#parts.clock.now(), kind: 'request', ...entry });
    } catch (cause) {
      throw new RekeyError('unavailable', 'The audit log cannot be written; nothing is answered until it can.', {
        reason: 'audit-unavailable',
        cause,
      });
    }
  }
}

/** Who an audit entry says it was. */
export function whoAsks(caller: Caller): Pick<AuditEntry, 'principal' | 'accessKeyId' | 'address' | 'requestId'> {
  const { principal, accessKeyId, address, requestId } = caller;
  return { principal: principal.arn, accessKeyId, address, requestId };
}

/** Only our own sentences go on record: what a library says may hold anything. */
function outcomeOf(error: unknown): Pick<AuditEntry, 'outcome' | 'detail'> {
  if (!(error instanceof RekeyError)) return { outcome: 'failed', detail: 'bug' };
  const denied = error.code === 'unauthenticated' || error.reason === 'not-permitted';
  return { outcome: denied ? 'denied' : 'failed', detail: `${error.reason}: ${error.message}` };
}
