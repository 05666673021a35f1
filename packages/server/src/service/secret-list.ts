import type { SecretRecord } from '@rekey/core';
import { sortable } from '../store/collections.ts';
import type { ListedEntry, Store } from '../store/store.ts';
import { type Filter, type SecretTest, secretTest } from './filters.ts';
import { comparePlaces, type ListPlace, NextTokens } from './next-token.ts';
import { viewFrom } from './replica-view.ts';

export type SortKey = 'created' | 'accessed' | 'changed' | 'name';

export interface SecretQuery {
  readonly filters: readonly Filter[];
  /** Also secrets marked for deletion. */
  readonly includeDeleted: boolean;
  readonly sortBy: SortKey;
  readonly descending: boolean;
  /** Secrets a page, at most. */
  readonly limit: number;
  readonly nextToken?: string | undefined;
}

export interface SecretPage {
  readonly secrets: readonly SecretRecord[];
  /** Null when nothing follows. A page may be short, even empty, and still be followed by another. */
  readonly nextToken: string | null;
}

/** Secrets read from the store at a time: some milliseconds of decryption, then others get their turn. */
const CHUNK = 200;
/**
 * Secrets looked at for one page of a filtered listing in order of creation. More make fewer, longer requests; clients
 * that do not follow NextToken see nothing beyond.
 */
const MOST_LOOKED_AT = 20_000;

const SORT_VALUES: Readonly<Record<Exclude<SortKey, 'created'>, (secret: SecretRecord) => string>> = {
  accessed: (secret) => sortable(secret.lastAccessedDay ?? 0),
  changed: (secret) => sortable(secret.changedAt),
  name: (secret) => secret.name,
};

interface Found {
  readonly place: ListPlace;
  readonly secret: SecretRecord;
}

/** Lists secrets by page. Names are sealed in the store, so that filters look at one secret after the other. */
export class SecretList {
  readonly #store: Store;
  readonly #tokens: NextTokens;
  readonly #home: string;

  /** @param home the server's own region */
  constructor(store: Store, home: string) {
    this.#store = store;
    this.#home = home;
    this.#tokens = new NextTokens(store.keyring);
  }

  /**
   * @param use name of the operation that lists; its tokens are good for itself only
   * @param region whose secrets and replicas are listed
   * @throws RekeyError `invalid-input`, reason `next-token-invalid`
   */
  async page(use: string, query: SecretQuery, region: string): Promise<SecretPage> {
    const { filters, includeDeleted, sortBy, descending, limit, nextToken } = query;
    const question = JSON.stringify([use, region, filters, includeDeleted, sortBy, descending]);
    const after = nextToken === undefined ? null : this.#tokens.read(question, nextToken);
    const passes = includeDeleted ? secretTest(filters) : withoutDeleted(secretTest(filters));
    const listed = (secret: SecretRecord) => {
      const view = viewFrom(secret, region, this.#home);
      return view !== null && passes(view) ? view : null;
    };
    const { found, rest } =
      sortBy === 'created'
        ? await this.#byCreation(listed, { descending, limit, after })
        : await this.#sorted(listed, { descending, limit, after, sortValue: SORT_VALUES[sortBy] });
    return {
      secrets: found.map(({ secret }) => secret),
      nextToken: rest === null ? null : this.#tokens.make(question, rest),
    };
  }

  /** Follows the store's own order, and reads no further than the page needs. */
  async #byCreation(listed: Listed, range: Range): Promise<Slice> {
    const found: Found[] = [];
    let looked = 0;
    let last = range.after;
    for (;;) {
      const chunk = await this.#chunk(last, range.descending);
      for (const entry of chunk) {
        const secret = listed(entry.record);
        if (secret !== null) {
          if (found.length === range.limit) return { found, rest: found.at(-1)!.place };
          found.push({ place: placeOf(entry), secret });
        }
        last = placeOf(entry);
      }
      looked += chunk.length;
      if (chunk.length < CHUNK) return { found, rest: null };
      if (looked >= MOST_LOOKED_AT) return { found, rest: last };
    }
  }

  /** Looks at every secret, but keeps no more than a few pages of them. */
  async #sorted(listed: Listed, range: Range & { sortValue: (secret: SecretRecord) => string }): Promise<Slice> {
    const { limit, after, sortValue } = range;
    const direction = range.descending ? -1 : 1;
    const order = (a: ListPlace, b: ListPlace) => direction * comparePlaces(a, b);
    let kept: Found[] = [];
    for (let last: ListPlace | null = null; ; ) {
      const chunk: readonly ListedEntry<SecretRecord>[] = await this.#chunk(last, false);
      for (const { id, record } of chunk) {
        const secret = listed(record);
        if (secret === null) continue;
        const place = { value: sortValue(secret), id };
        if (after === null || order(place, after) > 0) kept.push({ place, secret });
      }
      if (kept.length > limit + CHUNK) kept = first(kept, limit + 1, order);
      if (chunk.length < CHUNK) break;
      last = placeOf(chunk.at(-1)!);
    }
    kept = first(kept, limit + 1, order);
    const found = kept.slice(0, limit);
    return { found, rest: kept.length > limit ? found.at(-1)!.place : null };
  }

  #chunk(after: ListPlace | null, descending: boolean) {
    const from = after === null ? {} : { after };
    return this.#store.list('secret', { index: 'created', ...from, descending, limit: CHUNK });
  }
}

/** A secret as the listing shows it; null where it does not. */
type Listed = (secret: SecretRecord) => SecretRecord | null;

interface Range {
  readonly descending: boolean;
  readonly limit: number;
  readonly after: ListPlace | null;
}

interface Slice {
  readonly found: readonly Found[];
  /** Where the next page begins; null if there is none. */
  readonly rest: ListPlace | null;
}

function withoutDeleted(test: SecretTest): SecretTest {
  return (secret) => secret.deletedAt === null && test(secret);
}

function placeOf({ indexValue, id }: ListedEntry<SecretRecord>): ListPlace {
  return { value: indexValue ?? '', id };
}

function first(found: readonly Found[], count: number, order: (a: ListPlace, b: ListPlace) => number): Found[] {
  return [...found].sort((a, b) => order(a.place, b.place)).slice(0, count);
}
