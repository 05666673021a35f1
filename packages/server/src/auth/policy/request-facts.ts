import type { Tag } from '@rekey/core';
import { type ContextValue, type RequestContext, remember } from './context.ts';
import type { PolicyPrincipal } from './principals.ts';

/** What condition keys are computed from. */
export interface RequestFacts {
  readonly principal: PolicyPrincipal;
  /** Milliseconds since the epoch. */
  readonly now: number;
  readonly address: string | null;
  readonly secure: boolean;
  readonly userAgent: string | null;
  readonly region: string;
  /** The secret or role concerned; null where there is none (yet). */
  readonly resource: { readonly accountId: string; readonly tags: readonly Tag[] } | null;
  /** Tags that the request would set; null where it sets none. */
  readonly requestTags: readonly Tag[] | null;
  /** Keys of tags that the request names, also those it would remove. */
  readonly tagKeys: readonly string[] | null;
  /** Keys of the service as AWS writes them: `secretsmanager:VersionStage`, `sts:ExternalId`, `<provider>:sub`. */
  readonly keys: Readonly<Record<string, ContextValue>>;
}

type Read = (facts: RequestFacts) => ContextValue | null | undefined;

const PRINCIPAL_TYPES: Readonly<Record<PolicyPrincipal['kind'], string | null>> = {
  root: 'Account',
  user: 'User',
  'role-session': 'AssumedRole',
  federated: null,
  service: null,
};

/** Keys that every service shares. Source: IAM User Guide, "AWS global condition context keys". */
const GLOBAL = new Map<string, Read>([
  ['aws:currenttime', ({ now }) => isoTime(Math.floor(now / 1000))],
  ['aws:epochtime', ({ now }) => String(Math.floor(now / 1000))],
  ['aws:federatedprovider', ({ principal }) => principal.session?.federatedProvider],
  // Nobody proves a second factor here: absent for long-term keys, as in AWS, and false in sessions.
  ['aws:multifactorauthpresent', ({ principal }) => (principal.session === null ? null : 'false')],
  ['aws:principalaccount', ({ principal }) => ofAccount(principal) && principal.accountId],
  ['aws:principalarn', ({ principal }) => ofAccount(principal) && (principal.role?.arn ?? principal.arn)],
  ['aws:principalisawsservice', ({ principal }) => String(principal.kind === 'service')],
  ['aws:principaltype', ({ principal }) => PRINCIPAL_TYPES[principal.kind]],
  ['aws:requestedregion', ({ region }) => region],
  ['aws:resourceaccount', ({ resource }) => resource?.accountId],
  ['aws:securetransport', ({ secure }) => String(secure)],
  ['aws:sourceidentity', ({ principal }) => principal.session?.sourceIdentity],
  ['aws:sourceip', ({ address }) => address],
  ['aws:tagkeys', ({ tagKeys }) => tagKeys],
  [
    'aws:tokenissuetime',
    ({ principal }) => principal.session && isoTime(Math.floor(principal.session.issuedAt / 1000)),
  ],
  ['aws:useragent', ({ userAgent }) => userAgent],
  ['aws:userid', ({ principal }) => ofAccount(principal) && principal.id],
  ['aws:username', ({ principal }) => principal.name],
  ['aws:viaawsservice', () => 'false'],
]);

type TagsOf = (facts: RequestFacts) => readonly Tag[] | null | undefined;

const TAGGED = new Map<string, TagsOf>([
  ['aws:principaltag', ({ principal }) => principal.tags],
  ['aws:requesttag', ({ requestTags }) => requestTags],
  ['aws:resourcetag', ({ resource }) => resource?.tags],
  ['iam:resourcetag', ({ resource }) => resource?.tags],
  ['secretsmanager:resourcetag', ({ resource }) => resource?.tags],
]);

/** Bearers of tokens and services belong to no account until they have assumed a role. */
function ofAccount({ kind }: PolicyPrincipal): true | null {
  return kind === 'federated' || kind === 'service' ? null : true;
}

const isoTime = remember((seconds: number) => `${new Date(seconds * 1000).toISOString().slice(0, 19)}Z`);

/** A request's context: each key is computed when a condition first asks for it, and once. */
export class FactContext implements RequestContext {
  readonly #facts: RequestFacts;
  #known: Map<string, ContextValue | undefined> | null = null;

  constructor(facts: RequestFacts) {
    this.#facts = facts;
  }

  get(key: string): ContextValue | undefined {
    this.#known ??= new Map();
    const known = this.#known.get(key);
    if (known !== undefined || this.#known.has(key)) return known;
    const value = factOf(this.#facts, key) ?? undefined;
    this.#known.set(key, value);
    return value;
  }
}

function factOf(facts: RequestFacts, key: string): ContextValue | null | undefined {
  const read = GLOBAL.get(key);
  if (read !== undefined) return read(facts);
  const slash = key.indexOf('/');
  const tagsOf = slash === -1 ? undefined : TAGGED.get(key.slice(0, slash));
  return tagsOf === undefined ? ofService(facts.keys, key) : tagNamed(tagsOf(facts), key.slice(slash + 1));
}

function tagNamed(tags: readonly Tag[] | null | undefined, key: string): string | undefined {
  return tags?.find((tag) => tag.key.toLowerCase() === key)?.value;
}

function ofService(keys: RequestFacts['keys'], key: string): ContextValue | undefined {
  for (const name in keys) if (name.length <= key.length && name.toLowerCase() === key) return keys[name];
  return undefined;
}
