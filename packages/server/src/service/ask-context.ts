import type { SecretRecord, Tag } from '@rekey/core';
import type { ContextValue, RequestContext } from '../auth/policy/context.ts';
import type { PolicyPrincipal } from '../auth/policy/principals.ts';
import { FactContext } from '../auth/policy/request-facts.ts';
import type { Reading } from './ambiguous-tags.ts';
import type { PermitParts, PermitQuestion } from './permit-question.ts';
import { regionIn } from './replica-view.ts';

/** Keys that are told by the secret itself. Source: Service Authorization Reference, "AWS Secrets Manager". */
const OF_SECRET = new Map<string, (secret: SecretRecord) => string | null>([
  ['secretsmanager:resource/allowrotationlambdaarn', ({ rotation }) => rotation?.functionArn ?? null],
  ['secretsmanager:resource/type', ({ type }) => type],
  ['secretsmanager:secretprimaryregion', ({ replication, arn }) => replication?.primaryRegion ?? regionIn(arn)],
]);

/** Condition keys of one request: what it says itself, what the secret tells, what is known of who asks. */
export class AskContext implements RequestContext {
  readonly #question: PermitQuestion;
  readonly #facts: FactContext;
  readonly #reading: Reading | null;

  /** @param reading which of several tags a key means; null where none is ambiguous */
  constructor(
    question: PermitQuestion,
    principal: PolicyPrincipal,
    { now, region }: PermitParts,
    reading: Reading | null,
  ) {
    const { caller } = question;
    this.#question = question;
    this.#reading = reading;
    this.#facts = new FactContext({
      principal,
      now: now(),
      address: caller.address,
      secure: caller.secure,
      userAgent: caller.userAgent,
      region: regionOfSecret(question) || (caller.region ?? region),
      resource: resourceOf(question),
      requestTags: null,
      tagKeys: null,
      keys: {},
    });
  }

  get(key: string): ContextValue | undefined {
    const { secret, asked, keys } = this.#question;
    const said = this.#reading?.get(key) ?? given(keys, key);
    if (said !== undefined) return said;
    if (key === 'secretsmanager:secretid') return asked === '*' ? undefined : asked;
    const ofSecret = OF_SECRET.get(key);
    if (ofSecret !== undefined) return (secret && ofSecret(secret)) ?? undefined;
    return this.#facts.get(key);
  }
}

/**
 * A secret named by its ARN is found in its own region, whichever the request was signed for: there the request is, and
 * nobody reaches it in the name of another. Empty for what is no secret.
 */
function regionOfSecret({ resource }: PermitQuestion): string {
  return resource.startsWith('arn:aws:secretsmanager:') ? regionIn(resource) : '';
}

function resourceOf({ resource, secret, tags, caller }: PermitQuestion): FactResource | null {
  if (resource === '*') return null;
  return { accountId: caller.principal.accountId, tags: secret?.tags ?? tags };
}

interface FactResource {
  readonly accountId: string;
  readonly tags: readonly Tag[];
}

/** Condition keys are case-insensitive, the keys of tags in them too. A small letter may be longer than its capital (İ). */
function given(keys: PermitQuestion['keys'], key: string): ContextValue | undefined {
  for (const name in keys) if (name.length <= key.length && name.toLowerCase() === key) return keys[name];
  return undefined;
}
