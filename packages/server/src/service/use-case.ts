import { type Caller, type Clock, RekeyError, type Tag } from '@rekey/core';
import type { AuditEntry, AuditLog } from '../audit/entry.ts';
import { type Soon, soon } from '../store/soon.ts';
import type { Store } from '../store/store.ts';
import { arnOfUnknown, type FoundSecret, regionOf, resolveSecret } from './names.ts';
import { NotPermitted, type Permissions } from './permit.ts';
import type { PermitQuestion } from './permit-question.ts';
import { onlyInPrimary, secretNotFound } from './refusals.ts';

const NO_KEYS: PermitQuestion['keys'] = {};
const NO_TAGS: PermitQuestion['tags'] = [];

type Outcome = Pick<AuditEntry, 'outcome' | 'detail'>;

const ALLOWED: Outcome = { outcome: 'allowed', detail: null };

/** What every use case stands on. */
export interface UseCaseParts {
  readonly store: Store;
  readonly audit: AuditLog;
  readonly clock: Pick<Clock, 'now'>;
  /** AWS region and account that ARNs are made with. */
  readonly region: string;
  readonly account: string;
}

/** What somebody asks for. */
export interface Ask {
  readonly caller: Caller;
  /** As in IAM policies: `secretsmanager:GetSecretValue`. */
  readonly action: string;
  /** Further actions the same request needs; each is decided on the same resource. */
  readonly alsoNeeds?: readonly string[];
  readonly keys?: PermitQuestion['keys'];
  /** Whether it can also be asked where the secret is a replica: of what changes nothing. */
  readonly alsoReplicas?: boolean;
  /**
   * What audit and refusals say instead of what was asked, where somebody may have typed a value for a name: the text is
   * then written nowhere unless a secret has that name.
   */
  readonly unnamed?: { readonly resource: string; readonly notFound: () => RekeyError };
}

/** What a request about something that is no secret is about: permission is decided on its ARN and tags. */
export interface Located {
  readonly arn: string;
  readonly tags?: readonly Tag[];
  /** What a refusal repeats instead of the ARN. */
  readonly asked?: string;
  /** Condition keys that only what is stored tells. */
  readonly keys?: PermitQuestion['keys'];
  /** The ARN it will have, where it gets another: who may not touch that one may not make it. */
  readonly becomes?: string | null;
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
  readonly #parts: UseCaseParts;
  readonly #permissions: Permissions;

  constructor(parts: UseCaseParts, permissions: Permissions) {
    this.#parts = parts;
    this.#permissions = permissions;
  }

  /** A request about one existing secret. */
  onSecret<T>(
    ask: Ask & { readonly secretId: string },
    perform: (found: FoundSecret, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    return this.onSecretIfAny(ask, (found, trail) => {
      if (found === null) throw ask.unnamed?.notFound() ?? secretNotFound(ask.secretId);
      return perform(found, trail);
    });
  }

  /** A request about one secret, which has an answer also where there is none. */
  onSecretIfAny<T>(
    ask: Ask & { readonly secretId: string },
    perform: (found: FoundSecret | null, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const { unnamed } = ask;
    const trail: Trail = { resource: unnamed?.resource ?? ask.secretId, versionId: null, detail: null };
    return this.#audited(ask, trail, () => {
      const { store, region: home, account } = this.#parts;
      const region = regionOf(ask.caller, this.#parts);
      const permitted = (found: FoundSecret | null, sentence: string) => {
        trail.detail = sentence;
        if (found?.isReplica && ask.alsoReplicas !== true) throw onlyInPrimary(found.record);
        return perform(found, trail);
      };
      return soon(resolveSecret(store, ask.secretId, region, home), (found) => {
        const resource = found?.record.arn ?? arnOfUnknown(ask.secretId, { region, account });
        trail.resource = found === null && unnamed !== undefined ? unnamed.resource : resource;
        const told = unnamed === undefined ? {} : { told: unnamed.resource };
        const about = { asked: ask.secretId, resource, secret: found?.record ?? null, tags: NO_TAGS, ...told };
        return soon(this.#permit(ask, about), (sentence) => permitted(found, sentence));
      });
    });
  }

  /** A request about a name that may or may not be taken, or (`*`) about no secret in particular. */
  async onName<T>(ask: Ask & { readonly name: string }, perform: (trail: Trail) => Promise<T> | T): Promise<T> {
    const { account } = this.#parts;
    const region = regionOf(ask.caller, this.#parts);
    const resource = ask.name === '*' ? '*' : arnOfUnknown(ask.name, { region, account });
    const trail: Trail = { resource, versionId: null, detail: null };
    return this.#audited(ask, trail, async () => {
      trail.detail = await this.#permit(ask, { asked: ask.name, resource, secret: null, tags: NO_TAGS });
      return perform(trail);
    });
  }

  /** A request about something that is no secret: a user, a role, a policy. */
  async onResource<T, F extends Located>(
    ask: Ask & { locate(): F | Promise<F> },
    perform: (found: F, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const trail: Trail = { resource: null, versionId: null, detail: null };
    return this.#audited(ask, trail, async () => {
      const found = await ask.locate();
      trail.resource = found.arn;
      const { arn, tags = NO_TAGS, asked = arn, becomes = null } = found;
      const keys = found.keys === undefined ? ask.keys : { ...ask.keys, ...found.keys };
      const question = { ...ask, ...(keys === undefined ? {} : { keys }) };
      trail.detail = await this.#permit(question, { asked, resource: arn, secret: null, tags });
      if (becomes !== null) await this.#permit(question, { asked, resource: becomes, secret: null, tags });
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
    const { time, kind } = { time: this.#parts.clock.now(), kind: 'request' } as const;
    await this.#write({ time, kind, ...request, resource: null, versionId: null, ...outcomeOf(error) });
  }

  /**
   * Asks for one thing more, within a use case: about another secret than the one it is about.
   *
   * @throws NotPermitted
   */
  async require(ask: Ask & { readonly secretId: string }): Promise<void> {
    const { store, region: home, account } = this.#parts;
    const region = regionOf(ask.caller, this.#parts);
    const found = await resolveSecret(store, ask.secretId, region, home);
    const resource = found?.record.arn ?? arnOfUnknown(ask.secretId, { region, account });
    await this.#permit(ask, { asked: ask.secretId, resource, secret: found?.record ?? null, tags: NO_TAGS });
  }

  /** The sentence about what allowed it; at once where nothing has to be fetched for that. */
  #permit(
    ask: Ask,
    about: Pick<PermitQuestion, 'asked' | 'told' | 'resource' | 'secret' | 'tags'>,
  ): string | Promise<string> {
    const { caller, action, alsoNeeds, keys = NO_KEYS } = ask;
    const question = { caller, keys, ...about };
    const permitted = this.#permissions.permit({ ...question, action });
    if (alsoNeeds === undefined) return permitted;
    return this.#permitAlso(permitted, alsoNeeds, question);
  }

  async #permitAlso(
    first: string | Promise<string>,
    actions: readonly string[],
    question: Omit<PermitQuestion, 'action'>,
  ): Promise<string> {
    const sentence = await first;
    for (const action of actions) await this.#permissions.permit({ ...question, action });
    return sentence;
  }

  /** What is performed without a promise is on its way to the log in the same turn of the event loop. */
  #audited<T>(ask: Ask, trail: Trail, perform: () => Soon<T>): Promise<T> {
    const allow = (answer: T) => this.#append(ask, trail, ALLOWED).then(() => answer);
    const refuse = (error: unknown): Promise<T> =>
      this.#append(ask, trail, outcomeOf(error)).then(() => Promise.reject(error));
    let answer: Soon<T>;
    try {
      answer = perform();
    } catch (error) {
      return refuse(error);
    }
    return answer instanceof Promise ? answer.then(allow, refuse) : allow(answer);
  }

  /** @param outcome its detail, where there is one, says more than the trail's */
  #append({ caller, action }: Ask, { resource, versionId, detail }: Trail, outcome: Outcome): Promise<void> {
    return this.#write({
      time: this.#parts.clock.now(),
      kind: 'request',
      action,
      principal: caller.principal.arn,
      accessKeyId: caller.accessKeyId,
      address: caller.address,
      requestId: caller.requestId,
      resource,
      versionId,
      outcome: outcome.outcome,
      detail: outcome.detail ?? detail,
    });
  }

  #write(entry: AuditEntry): Promise<void> {
    return this.#parts.audit.append(entry).catch(unwritten);
  }
}

function unwritten(cause: unknown): never {
  throw new RekeyError('unavailable', 'The audit log cannot be written; nothing is answered until it can.', {
    reason: 'audit-unavailable',
    cause,
  });
}

/** Who an audit entry says it was. */
export function whoAsks(caller: Caller): Pick<AuditEntry, 'principal' | 'accessKeyId' | 'address' | 'requestId'> {
  const { principal, accessKeyId, address, requestId } = caller;
  return { principal: principal.arn, accessKeyId, address, requestId };
}

/** Only our own sentences go on record: what a library says may hold anything. */
function outcomeOf(error: unknown): Outcome {
  if (!(error instanceof RekeyError)) return { outcome: 'failed', detail: 'bug' };
  const denied = error.code === 'unauthenticated' || error.reason === 'not-permitted';
  const decision = error instanceof NotPermitted ? ` (${error.statement})` : '';
  return { outcome: denied ? 'denied' : 'failed', detail: `${error.reason}: ${error.message}${decision}` };
}
