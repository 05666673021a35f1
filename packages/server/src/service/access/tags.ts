import type { Caller, OidcProviderRecord, Tag } from '@rekey/core';
import type { Ask } from '../use-case.ts';
import type { AccessCases } from './access-cases.ts';
import type { NamedKind } from './identifiers.ts';
import type { OidcProviders } from './oidc-providers.ts';
import type { Page, PageRequest } from './pages.ts';
import { tagKeys, withTags } from './tag-lists.ts';

/** What can be tagged. */
export type TaggedKind = Exclude<NamedKind, 'group'> | 'oidc-provider';

const TITLES = { user: 'User', role: 'Role', policy: 'Policy', 'oidc-provider': 'OpenIDConnectProvider' } as const;

/** Use cases about tags: of users and roles by name, of policies and OIDC providers by ARN. */
export class Tags {
  readonly #cases: AccessCases;
  readonly #providers: OidcProviders;

  constructor(cases: AccessCases, providers: OidcProviders) {
    this.#cases = cases;
    this.#providers = providers;
  }

  tag(caller: Caller, kind: TaggedKind, name: string, tags: readonly Tag[]): Promise<void> {
    const ask = { caller, action: `iam:Tag${TITLES[kind]}`, name, keys: tagKeys(tags) };
    return this.#change(kind, ask, (before) => withTags(TITLES[kind], before, tags));
  }

  untag(caller: Caller, kind: TaggedKind, name: string, keys: readonly string[]): Promise<void> {
    const ask = { caller, action: `iam:Untag${TITLES[kind]}`, name, keys: { 'aws:TagKeys': keys } };
    const folded = new Set(keys.map((key) => key.toLowerCase()));
    return this.#change(kind, ask, (before) => before.filter(({ key }) => !folded.has(key.toLowerCase())));
  }

  list(caller: Caller, kind: TaggedKind, name: string, page: PageRequest): Promise<Page<Tag>> {
    const action = `iam:List${TITLES[kind]}Tags`;
    const show = ({ record }: { record: { tags: readonly Tag[] } }) =>
      this.#cases.pages.ofItems(`${action} ${name}`, record.tags, page, ({ key }) => key);
    const ask = { caller, action, name };
    if (kind === 'oidc-provider') return this.#providers.on(ask, show);
    return this.#cases.on(kind, ask, show);
  }

  #change(
    kind: TaggedKind,
    ask: Ask & { readonly name: string },
    tagsOf: (before: readonly Tag[]) => readonly Tag[],
  ): Promise<void> {
    const decide = <R extends { readonly tags: readonly Tag[] }>({ record }: { record: R }) => ({
      record: { ...record, tags: tagsOf(record.tags) },
      answer: undefined,
    });
    if (kind === 'oidc-provider') return this.#providers.change<void>(ask, decide<OidcProviderRecord>);
    return this.#cases.change(kind, ask, decide);
  }
}
