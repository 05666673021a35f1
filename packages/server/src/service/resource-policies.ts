import { type Caller, RekeyError, type ResourcePolicy, type SecretRecord } from '@rekey/core';
import { broadStatements } from '../auth/policy/public-access.ts';
import type { ServiceParts } from './parts.ts';
import { markedForDeletion } from './refusals.ts';
import { describeBroad, findNamed, readResourcePolicy, refusePublic } from './resource-policy.ts';
import type { SecretChanges } from './secret-change.ts';
import type { Ask, UseCases } from './use-case.ts';

export interface NewResourcePolicy {
  readonly secretId: string;
  /** JSON text. */
  readonly text: string;
  /** Refuse it if it lets in more than somebody in particular. */
  readonly blockPublic: boolean;
}

/** One thing that is wrong with a policy. */
export interface PolicyFinding {
  /** Name of the check that found it. */
  readonly check: 'PolicySyntax' | 'BroadAccess';
  readonly sentence: string;
}

/** Use cases about the policy that a secret itself carries. */
export class ResourcePolicies {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;
  readonly #changes: SecretChanges;

  constructor(parts: ServiceParts, cases: UseCases, changes: SecretChanges) {
    this.#parts = parts;
    this.#cases = cases;
    this.#changes = changes;
  }

  /** The secret, with the policy it carries. */
  get(caller: Caller, secretId: string): Promise<SecretRecord> {
    const ask = { caller, action: 'secretsmanager:GetResourcePolicy', secretId, alsoReplicas: true };
    return this.#cases.onSecret(ask, ({ record }) => alive(record));
  }

  /**
   * Puts a policy on a secret in place of the one it carries.
   *
   * @throws RekeyError `invalid-input`; reasons `malformed-policy-document`, `policy-is-public`
   */
  put(caller: Caller, { secretId, text, blockPublic }: NewResourcePolicy): Promise<SecretRecord> {
    const keys = { 'secretsmanager:BlockPublicPolicy': String(blockPublic) };
    const ask = { caller, action: 'secretsmanager:PutResourcePolicy', secretId, keys };
    return this.#change(ask, async () => {
      const document = readResourcePolicy(text);
      if (blockPublic) refusePublic(document);
      return { text, principals: await findNamed(document, this.#parts.account, this.#parts.store) };
    });
  }

  delete(caller: Caller, secretId: string): Promise<SecretRecord> {
    return this.#change({ caller, action: 'secretsmanager:DeleteResourcePolicy', secretId }, () => null);
  }

  /**
   * What is wrong with a policy, without putting it anywhere: nothing if it could be put with `blockPublic`.
   *
   * @param secretId the secret it is meant for; null where it is meant for none yet
   */
  validate(caller: Caller, secretId: string | null, text: string): Promise<readonly PolicyFinding[]> {
    const ask = { caller, action: 'secretsmanager:ValidateResourcePolicy' };
    if (secretId === null) return this.#cases.onName({ ...ask, name: '*' }, () => this.#examine(text));
    return this.#cases.onSecret({ ...ask, secretId, alsoReplicas: true }, () => this.#examine(text));
  }

  async #examine(text: string): Promise<readonly PolicyFinding[]> {
    try {
      const document = readResourcePolicy(text);
      await findNamed(document, this.#parts.account, this.#parts.store);
      return broadStatements(document).map((broad) => ({ check: 'BroadAccess', sentence: describeBroad(broad) }));
    } catch (error) {
      const isFinding = error instanceof RekeyError && error.reason === 'malformed-policy-document' && isJson(text);
      if (isFinding) return [{ check: 'PolicySyntax', sentence: error.message }];
      throw error;
    }
  }

  #change(
    ask: Ask & { readonly secretId: string },
    decide: () => Promise<ResourcePolicy> | null,
  ): Promise<SecretRecord> {
    return this.#cases.onSecret(ask, ({ id }) =>
      this.#changes.change(id, async (secret) => {
        const changed = { ...alive(secret), policy: await decide() };
        return { secret: changed, answer: changed };
      }),
    );
  }
}

function alive(secret: SecretRecord): SecretRecord {
  if (secret.deletedAt !== null) throw markedForDeletion(secret.name);
  return secret;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
