import type { Caller, OidcProviderRecord, Tag } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import type { Trail } from '../use-case.ts';
import type { AccessCases, NamedAsk, RecordChange } from './access-cases.ts';
import { makeProviderArn } from './identifiers.ts';
import { MOST_CLIENT_IDS, MOST_THUMBPRINTS } from './limits.ts';
import { rewrite, write } from './records.ts';
import { alreadyExists, notFound, quotaExceeded, unacceptable } from './refusals.ts';
import { needsToCreateTagged, withTags } from './tag-lists.ts';

export interface NewProvider {
  readonly url: string;
  readonly clientIds: readonly string[];
  readonly thumbprints: readonly string[];
  readonly tags: readonly Tag[];
}

export interface ProviderRules {
  /** Issuers without TLS are for tests: anybody on the way can forge their keys. */
  readonly allowHttp: boolean;
}

/** Providers that are listed at once; IAM's quota. */
const MOST_PROVIDERS = 100;
const PROVIDER_ARN = /^arn:aws:iam::\d{12}:oidc-provider\/(.+)$/;

/** Use cases about OIDC providers: issuers of web identity tokens that roles may trust. */
export class OidcProviders {
  readonly #cases: AccessCases;
  readonly #rules: ProviderRules;

  constructor(cases: AccessCases, rules: ProviderRules) {
    this.#cases = cases;
    this.#rules = rules;
  }

  create(caller: Caller, wish: NewProvider): Promise<OidcProviderRecord> {
    const url = readIssuer(wish.url, this.#rules);
    const arn = makeProviderArn(this.#cases.account, url);
    const needs = needsToCreateTagged('iam:TagOpenIDConnectProvider', wish.tags);
    const ask = { caller, action: 'iam:CreateOpenIDConnectProvider', arn, ...needs };
    return this.#cases.onArn(ask, () =>
      this.#cases.changes.change(['oidc-provider'], async () => {
        if ((await this.#find(arn)) !== null) throw alreadyExists(`Provider with url ${wish.url} already exists.`);
        if ((await this.#cases.store.count('oidc-provider')) >= MOST_PROVIDERS)
          throw quotaExceeded('OpenIdConnectProvidersPerAccount', MOST_PROVIDERS);
        const record: OidcProviderRecord = {
          arn,
          issuer: wish.url,
          url,
          clientIds: checkClientIds([...new Set(wish.clientIds)]),
          thumbprints: checkThumbprints(wish.thumbprints),
          tags: withTags('OpenIdConnectProvider', [], wish.tags),
          createdAt: this.#cases.now(),
        };
        return { writes: [write('oidc-provider', this.#idOf(url), record, 0)], answer: record };
      }),
    );
  }

  get(caller: Caller, arn: string): Promise<OidcProviderRecord> {
    return this.on({ caller, action: 'iam:GetOpenIDConnectProvider', name: arn }, ({ record }) => record);
  }

  list(caller: Caller): Promise<readonly OidcProviderRecord[]> {
    return this.#cases.onArn({ caller, action: 'iam:ListOpenIDConnectProviders' }, async () => {
      const entries = await this.#cases.store.list('oidc-provider', { index: 'created', limit: MOST_PROVIDERS });
      return entries.map(({ record }) => record);
    });
  }

  /** Of the absent: nothing happens. */
  delete(caller: Caller, arn: string): Promise<void> {
    return this.#cases.onArn({ caller, action: 'iam:DeleteOpenIDConnectProvider', arn }, async () => {
      const found = await this.#find(arn);
      if (found !== null) await this.#cases.store.commit([write('oidc-provider', found.id, null)]);
    });
  }

  addClientId(caller: Caller, arn: string, clientId: string): Promise<void> {
    const ask = { caller, action: 'iam:AddClientIDToOpenIDConnectProvider', name: arn };
    return this.change(ask, ({ record }) => {
      const clientIds = checkClientIds([...new Set([...record.clientIds, clientId])]);
      return { record: { ...record, clientIds }, answer: undefined };
    });
  }

  removeClientId(caller: Caller, arn: string, clientId: string): Promise<void> {
    const ask = { caller, action: 'iam:RemoveClientIDFromOpenIDConnectProvider', name: arn };
    return this.change(ask, ({ record }) => {
      const clientIds = record.clientIds.filter((id) => id !== clientId);
      return { record: { ...record, clientIds }, answer: undefined };
    });
  }

  setThumbprints(caller: Caller, arn: string, thumbprints: readonly string[]): Promise<void> {
    const ask = { caller, action: 'iam:UpdateOpenIDConnectProviderThumbprint', name: arn };
    return this.change(ask, ({ record }) => ({
      record: { ...record, thumbprints: checkThumbprints(thumbprints) },
      answer: undefined,
    }));
  }

  /** A request about a provider that exists; named by its ARN. */
  on<T>(
    { name: arn, ...ask }: NamedAsk,
    perform: (found: Entry<OidcProviderRecord>, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const locate = async () => {
      const found = await this.#find(arn);
      return { arn, found, tags: found?.record.tags ?? [] };
    };
    return this.#cases.onLocated({ ...ask, locate }, ({ found }, trail) => {
      if (found === null) throw notFound(`OpenIDConnect Provider not found for arn ${arn}`);
      return perform(found, trail);
    });
  }

  change<T>(
    ask: NamedAsk,
    decide: (found: Entry<OidcProviderRecord>) => RecordChange<OidcProviderRecord, T>,
  ): Promise<T> {
    return this.on(ask, ({ record: { arn } }) =>
      this.#cases.changes.change([arn], async () => {
        const found = await this.#find(arn);
        if (found === null) throw notFound(`OpenIDConnect Provider not found for arn ${arn}`);
        const { record, answer } = decide(found);
        return { writes: [rewrite('oidc-provider', found, record)], answer };
      }),
    );
  }

  async #find(arn: string): Promise<Entry<OidcProviderRecord> | null> {
    const url = PROVIDER_ARN.exec(arn)?.[1];
    const found = url === undefined ? null : await this.#cases.store.get('oidc-provider', this.#idOf(url));
    return found?.record.arn === arn ? found : null;
  }

  #idOf(url: string): string {
    return this.#cases.store.opaque('oidc-provider', url);
  }
}

/** The issuer without its scheme. Port and path belong to it; anything else is refused. */
function readIssuer(issuer: string, { allowHttp }: ProviderRules): string {
  const parsed = URL.canParse(issuer) ? new URL(issuer) : null;
  const scheme = parsed?.protocol === 'https:' || (allowHttp && parsed?.protocol === 'http:');
  const [, url] = /^https?:\/\/([^\s?#@\\*]+)$/.exec(issuer) ?? [];
  if (parsed === null || !scheme || url === undefined || parsed.host === '')
    throw unacceptable(
      `Invalid Open ID Connect Provider URL: it begins with https:// and has a host, and neither user, query nor fragment.`,
    );
  return url;
}

function checkClientIds(clientIds: readonly string[]): readonly string[] {
  if (clientIds.length > MOST_CLIENT_IDS) throw quotaExceeded('ClientIdsPerOpenIdConnectProvider', MOST_CLIENT_IDS);
  return clientIds;
}

function checkThumbprints(thumbprints: readonly string[]): readonly string[] {
  if (thumbprints.length > MOST_THUMBPRINTS) throw unacceptable('Thumbprint list must contain fewer than 5 entries.');
  const wrong = thumbprints.find((thumbprint) => !/^[0-9a-f]{40}$/i.test(thumbprint));
  if (wrong !== undefined) throw unacceptable('A thumbprint is 40 hexadecimal digits.');
  return thumbprints;
}
