import type { AccessLink, CollectionName, Collections } from '../../store/collections.ts';
import type { Store } from '../../store/store.ts';
import { type ListPlace, NextTokens } from '../next-token.ts';

/** Which part of a listing is asked for. */
export interface PageRequest {
  /** Items at most. */
  readonly limit: number;
  /** From the page before; undefined for the first. */
  readonly marker: string | undefined;
}

export interface Page<T> {
  readonly items: readonly T[];
  /** For the next page; null if this was the last. */
  readonly marker: string | null;
}

/** Records looked at between two turns of the event loop. */
const CHUNK = 200;
/** Characters of a name that a marker carries: with them it stays within the 320 that IAM allows a marker. */
const PLACE_LENGTH = 40;

/** Cuts listings into pages whose markers are sealed, and stay right while items come and go. */
export class Pages {
  readonly #store: Store;
  readonly #tokens: NextTokens;

  constructor(store: Store) {
    this.#store = store;
    this.#tokens = new NextTokens(store.keyring);
  }

  /**
   * Records of a collection that pass a test, in the order in which they were made.
   *
   * @param question everything that decides what is listed
   */
  async ofCollection<K extends CollectionName>(
    collection: K,
    question: string,
    { limit, marker }: PageRequest,
    isListed: (record: Collections[K]) => boolean,
  ): Promise<Page<Collections[K]>> {
    const items: Collections[K][] = [];
    let after = marker === undefined ? null : this.#tokens.read(question, marker);
    let last = after;
    for (;;) {
      const from = after === null ? {} : { after };
      const chunk = await this.#store.list(collection, { index: 'created', ...from, limit: CHUNK });
      for (const { id, indexValue, record } of chunk) {
        after = { value: indexValue ?? '', id };
        if (!isListed(record)) continue;
        if (items.length === limit) return { items, marker: this.#tokens.make(question, last!) };
        items.push(record);
        last = after;
      }
      if (chunk.length < CHUNK) return { items, marker: null };
    }
  }

  /**
   * What the links behind a prefix lead to.
   *
   * @param resolve what a link leads to; null where it is not asked for
   */
  async ofLinks<T>(
    prefix: string,
    question: string,
    { limit, marker }: PageRequest,
    resolve: (link: AccessLink) => Promise<T | null>,
  ): Promise<Page<T>> {
    const items: T[] = [];
    const range = { index: null, from: prefix, until: `${prefix.slice(0, -1)}0`, limit: CHUNK };
    let after = marker === undefined ? null : this.#tokens.read(question, marker);
    let last = after;
    for (;;) {
      const chunk = await this.#store.list('access-link', { ...range, ...(after === null ? {} : { after }) });
      for (const { id, record } of chunk) {
        after = { value: id, id };
        const item = await resolve(record);
        if (item === null) continue;
        if (items.length === limit) return { items, marker: this.#tokens.make(question, last!) };
        items.push(item);
        last = after;
      }
      if (chunk.length < CHUNK) return { items, marker: null };
    }
  }

  /** Which of so many that can be told by their number are on a page: from one, up to before another. */
  ofNumbers(
    question: string,
    count: number,
    { limit, marker }: PageRequest,
  ): { readonly from: number; readonly until: number; readonly marker: string | null } {
    const from = marker === undefined ? 0 : Number(this.#tokens.read(question, marker).value);
    const until = Math.min(from + limit, count);
    return {
      from,
      until,
      marker: until < count ? this.#tokens.make(question, { value: String(until), id: '' }) : null,
    };
  }

  /** Items at hand, sorted by name. */
  ofItems<T>(
    question: string,
    items: readonly T[],
    { limit, marker }: PageRequest,
    nameOf: (item: T) => string,
  ): Page<T> {
    const sorted = [...items].sort((a, b) => compare(nameOf(a), nameOf(b)));
    const start = marker === undefined ? 0 : this.#startAfter(sorted.map(nameOf), this.#tokens.read(question, marker));
    const page = sorted.slice(start, start + limit);
    const more = start + limit < sorted.length;
    return { items: page, marker: more ? this.#tokens.make(question, this.#placeOf(nameOf(page.at(-1)!))) : null };
  }

  /** Behind the last one seen; if that is gone, from where it was: then some may come again, none is left out. */
  #startAfter(names: readonly string[], place: ListPlace): number {
    const seen = names.findIndex((name) => this.#placeOf(name).id === place.id);
    if (seen >= 0) return seen + 1;
    const next = names.findIndex((name) => name >= place.value);
    return next < 0 ? names.length : next;
  }

  #placeOf(name: string): ListPlace {
    return { value: name.slice(0, PLACE_LENGTH), id: this.#store.opaque('place', name) };
  }
}

function compare(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}
