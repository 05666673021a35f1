import type { Clock, RandomSource, Tag } from '@rekey/core';
import type { Collections } from '../../store/collections.ts';
import type { Entry, Store, StoreWrite } from '../../store/store.ts';
import type { Ask, Trail, UseCases } from '../use-case.ts';
import { type AccessChange, AccessChanges } from './changes.ts';
import { makeArn, makeUniqueId, type NamedKind } from './identifiers.ts';
import { Pages } from './pages.ts';
import { AccessRecords, rewrite } from './records.ts';
import { entityExists, noSuchEntity } from './refusals.ts';

/** What the use cases about access stand on. */
export interface AccessParts {
  readonly store: Store;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
  /** AWS region and account that ARNs and condition keys are made with. */
  readonly region: string;
  readonly account: string;
}

/** A request about somebody or something by name; about a policy by its ARN. */
export type NamedAsk = Ask & {
  readonly name: string;
  /** For changes of name or path. */
  readonly moves?: { readonly name?: string | undefined; readonly path?: string | undefined };
};

/** Source: Service Authorization Reference, "AWS Identity and Access Management", condition key iam:PermissionsBoundary. */
const ASKS_FOR_BOUNDARY =
  /^iam:(?:(?:Attach|Detach|Put|Delete)(?:User|Role)Policy|Delete(?:User|Role)PermissionsBoundary)$/;

/** Condition key of a request that concerns a boundary; none where there is none. */
export function boundaryKey(policyArn: string | undefined): NonNullable<Ask['keys']> {
  return policyArn === undefined ? {} : { 'iam:PermissionsBoundary': policyArn };
}

/** The record as it shall be (the same: nothing is written), what else to write with it, and what to answer. */
export interface RecordChange<R, T> {
  readonly record: R;
  readonly writes?: readonly StoreWrite[];
  readonly answer: T;
}

/** The ways through which every use case about access goes: look up, permit, do, audit. */
export class AccessCases {
  readonly records: AccessRecords;
  readonly changes: AccessChanges;
  readonly pages: Pages;
  readonly account: string;
  readonly #parts: AccessParts;
  readonly #cases: UseCases;

  constructor(parts: AccessParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
    this.account = parts.account;
    this.records = new AccessRecords(parts.store);
    this.changes = new AccessChanges(parts.store);
    this.pages = new Pages(parts.store);
  }

  get store(): Store {
    return this.#parts.store;
  }

  get region(): string {
    return this.#parts.region;
  }

  get random(): RandomSource {
    return this.#parts.random;
  }

  now(): number {
    return this.#parts.clock.now();
  }

  /** A request about something that exists. */
  on<K extends NamedKind, T>(
    kind: K,
    ask: NamedAsk,
    perform: (found: Entry<Collections[K]>, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    const locate = async () => {
      const found = await this.records.find(kind, ask.name);
      const arn = found?.record.arn ?? this.#arnOfUnknown(kind, ask.name);
      const asked = `${kind} ${ask.name}`;
      if (found === null) return { found, arn, tags: [], asked };
      const keys = await this.#boundaryKey(ask.action, found.record);
      return { found, arn, tags: tagsOf(found.record), asked, keys, becomes: this.#moved(kind, ask, found.record) };
    };
    return this.#cases.onResource({ ...ask, locate }, ({ found }, trail) => {
      if (found === null) throw noSuchEntity(kind, ask.name);
      return perform(found, trail);
    });
  }

  /** A change of something that exists: of its own record, and of others beside it. */
  change<K extends NamedKind, T>(
    kind: K,
    ask: NamedAsk,
    decide: (
      found: Entry<Collections[K]>,
    ) => RecordChange<Collections[K], T> | Promise<RecordChange<Collections[K], T>>,
  ): Promise<T> {
    return this.on(kind, ask, ({ id, record: { arn } }) =>
      this.changes.change([arn], async () => {
        const found = await this.current(kind, id, ask.name);
        const { record, writes = [], answer } = await decide(found);
        const own = record === found.record ? [] : [rewrite(kind, found, record)];
        return { writes: [...own, ...writes], answer };
      }),
    );
  }

  /** A change that writes several records: of what the request is about, and of what has the ARN `other`. */
  changeBoth<K extends NamedKind, T>(
    kind: K,
    ask: NamedAsk,
    other: string | null,
    decide: (found: Entry<Collections[K]>) => Promise<AccessChange<T>>,
  ): Promise<T> {
    return this.on(kind, ask, ({ id, record: { arn } }) =>
      this.changes.change(other === null ? [arn] : [arn, other], async () =>
        decide(await this.current(kind, id, ask.name)),
      ),
    );
  }

  /**
   * Makes something under a name that nothing of its kind may have, in whatever case. `alsoWrites` is the ARN of
   * something that is written too.
   */
  create<K extends NamedKind>(
    kind: K,
    ask: NamedAsk & { readonly path: string; readonly alsoWrites?: string | undefined },
    make: (base: { id: string; arn: string; createdAt: number }) => Promise<{
      readonly record: Collections[K];
      readonly writes?: readonly StoreWrite[];
    }>,
  ): Promise<Collections[K]> {
    const arn = makeArn(this.account, kind, ask.path, ask.name);
    const turns = [`${kind}/${ask.name.toLowerCase()}`, ...(ask.alsoWrites === undefined ? [] : [ask.alsoWrites])];
    return this.#cases.onResource({ ...ask, locate: () => ({ arn }) }, () =>
      this.changes.change(turns, async () => {
        if ((await this.records.findByName(kind, ask.name)) !== null) throw entityExists(kind, ask.name);
        const base = { id: makeUniqueId(kind, this.random), arn, createdAt: this.now() };
        const { record, writes = [] } = await make(base);
        return { writes: [...this.records.introduce(kind, record), ...writes], answer: record };
      }),
    );
  }

  /** A request about nothing in particular, or about something by an ARN of its own. */
  onArn<T>(ask: Ask & { readonly arn?: string }, perform: (trail: Trail) => Promise<T> | T): Promise<T> {
    const located = { arn: ask.arn ?? '*' };
    return this.#cases.onResource({ ...ask, locate: () => located }, (_, trail) => perform(trail));
  }

  /** A request about something that is looked up in a way of its own. */
  onLocated<T, F extends { readonly arn: string; readonly tags: readonly Tag[] }>(
    ask: Ask & { locate(): Promise<F> },
    perform: (found: F, trail: Trail) => Promise<T> | T,
  ): Promise<T> {
    return this.#cases.onResource(ask, perform);
  }

  /** The record as it stands now. */
  async current<K extends NamedKind>(kind: K, id: string, name: string): Promise<Entry<Collections[K]>> {
    const found = await this.store.get(kind, id);
    if (found === null) throw noSuchEntity(kind, name);
    return found;
  }

  /** What bounds whose policies are changed, or whose boundary is taken away. */
  async #boundaryKey(action: string, record: object): Promise<NonNullable<Ask['keys']>> {
    if (!ASKS_FOR_BOUNDARY.test(action) || !('boundary' in record) || record.boundary === null) return {};
    const policy = await this.store.get('policy', record.boundary as string);
    return policy === null ? {} : boundaryKey(policy.record.arn);
  }

  #moved(
    kind: NamedKind,
    { moves }: NamedAsk,
    record: { readonly name: string; readonly path: string },
  ): string | null {
    if (moves === undefined) return null;
    return makeArn(this.account, kind, moves.path ?? record.path, moves.name ?? record.name);
  }

  #arnOfUnknown(kind: NamedKind, name: string): string {
    return kind === 'policy' ? name : makeArn(this.account, kind, '/', name);
  }
}

function tagsOf(record: object): readonly Tag[] {
  return 'tags' in record ? (record.tags as readonly Tag[]) : [];
}
