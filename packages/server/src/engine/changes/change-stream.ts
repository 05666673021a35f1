import { setMaxListeners } from 'node:events';
import { type Clock, CURRENT, RekeyError, type SecretRecord } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { findLabelled } from '../versions.ts';

/** A secret whose current version is a new one; names and ids only. */
export interface CurrentChange {
  /** Revision of the commit that made it. */
  readonly revision: number;
  readonly secretId: string;
  readonly name: string;
  readonly arn: string;
  readonly versionId: string;
}

export interface ChangePage {
  readonly changes: readonly CurrentChange[];
  /** Everything up to here has been told; go on from here. */
  readonly reached: number;
  /** What lies between cannot be told any more: whoever asks must look at everything anew. */
  readonly reset: boolean;
  /** There is more to be read at once. */
  readonly more: boolean;
}

export interface ChangeStreamParts {
  readonly store: Store;
  readonly clock: Clock;
}

/** Changes kept in memory for those who wait; whoever is further behind reads the store. */
const REMEMBERED = 5_000;
/** Secrets whose current version is remembered, so that a change of a tag is not told as one of the value. */
const KNOWN = 20_000;
/** Changes of records read at once. */
const PAGE = 500;
/** A shared store is asked so often while somebody waits: being told of commits is quick, but may be lost. Milliseconds. */
const LOOK = 1_000;
/** How long a cache may be behind the feed before its record is taken as it is; milliseconds, and looks within. */
const SETTLE = 50;
const SETTLES = 40;

/**
 * Tells which secrets have a new current version, in the order of their commits and without gaps, whichever server made
 * them. One reader for all who wait: a change costs one look at the store, and waiting costs a timer.
 */
export class ChangeStream {
  readonly #parts: ChangeStreamParts;
  readonly #unwatch: () => void;
  readonly #known = new Map<string, string>();
  #recent: CurrentChange[] = [];
  /** Everything after this revision, up to what is seen, is in `#recent`. */
  #from: number | null = null;
  #seen = 0;
  #advancing: Promise<void> | null = null;
  #again = false;
  #waiting = 0;
  #looking = false;
  #closed = false;
  #wake = wakeSignal();

  constructor(parts: ChangeStreamParts) {
    this.#parts = parts;
    this.#unwatch = parts.store.watch(() => {
      if (this.#waiting > 0) void this.#advance();
    });
  }

  get isClosed(): boolean {
    return this.#closed;
  }

  /** How many wait. */
  get waiting(): number {
    return this.#waiting;
  }

  /** Where the stream ends now: changes from here on will be told. */
  async position(): Promise<number> {
    return this.#parts.store.revision();
  }

  /** What changed after a position. */
  async read(after: number): Promise<ChangePage> {
    await this.#advance();
    if (after > this.#seen) return { changes: [], reached: this.#seen, reset: true, more: false };
    if (this.#from !== null && after >= this.#from) {
      const changes = latestOf(this.#recent.filter(({ revision }) => revision > after));
      return { changes, reached: this.#seen, reset: false, more: false };
    }
    return this.#readStore(after);
  }

  /** Until there may be something after the position, the time is over, or whoever waits is gone. */
  async next(after: number, milliseconds: number, gone?: AbortSignal): Promise<void> {
    if (this.#closed || milliseconds <= 0 || this.#hasNews(after)) return;
    this.#waiting += 1;
    const signal = gone === undefined ? this.#wake.signal : AbortSignal.any([this.#wake.signal, gone]);
    try {
      if (this.#parts.store.isShared) void this.#keepLooking();
      await this.#advance();
      if (!this.#hasNews(after)) await this.#parts.clock.sleep(milliseconds, signal);
    } finally {
      this.#waiting -= 1;
    }
  }

  /** Lets go of all who wait: they are answered with what there is. */
  close(): void {
    this.#closed = true;
    this.#unwatch();
    this.#wake.abort();
  }

  /** Whether there is something to tell, or nobody knows without reading the store. */
  #hasNews(after: number): boolean {
    if (this.#from === null || after < this.#from) return true;
    return (this.#recent.at(-1)?.revision ?? 0) > after;
  }

  async #readStore(after: number): Promise<ChangePage> {
    const { store } = this.#parts;
    try {
      const changes = await store.changes(after, PAGE);
      const reached = changes.at(-1)?.revision ?? Math.max(after, this.#seen);
      const found = [];
      for (const [id, revision] of lastRevisions(changes)) found.push(await this.#currentOf(id, revision));
      return { changes: found.filter((one) => one !== null), reached, reset: false, more: changes.length >= PAGE };
    } catch (error) {
      if (!(error instanceof RekeyError) || error.reason !== 'changes-forgotten') throw error;
      return { changes: [], reached: await this.position(), reset: true, more: false };
    }
  }

  /** Reads on from what is seen; whoever asks meanwhile waits for the same reading, and for one more. */
  #advance(): Promise<void> {
    if (this.#advancing !== null) {
      this.#again = true;
      return this.#advancing;
    }
    this.#advancing = this.#follow().finally(() => {
      this.#advancing = null;
    });
    return this.#advancing;
  }

  async #follow(): Promise<void> {
    do {
      // A commit of this process tells before its own cache has forgotten what it wrote.
      await new Promise((resolve) => setImmediate(resolve));
      this.#again = false;
      if (this.#from === null) this.#from = this.#seen = await this.position();
      else await this.#followFrom(this.#seen);
    } while (this.#again);
  }

  async #followFrom(seen: number): Promise<void> {
    const page = await this.#readStore(seen);
    if (page.reset) this.#recent = [];
    if (page.reset) this.#from = page.reached;
    const news = page.changes.filter((change) => this.#isNews(change));
    this.#recent.push(...news);
    this.#seen = Math.max(seen, page.reached);
    if (page.reset || news.length > 0) this.#wakeAll();
    const surplus = this.#recent.length - REMEMBERED;
    if (surplus > 0) this.#from = this.#recent.splice(0, surplus).at(-1)?.revision ?? this.#from;
    if (page.more) this.#again = true;
  }

  #isNews({ secretId, versionId }: CurrentChange): boolean {
    if (this.#known.get(secretId) === versionId) return false;
    this.#known.delete(secretId);
    this.#known.set(secretId, versionId);
    if (this.#known.size > KNOWN) this.#known.delete(this.#known.keys().next().value ?? '');
    return true;
  }

  /** The record as of the commit or later: a cache may hear of another server's commit a moment after the feed does. */
  async #currentOf(secretId: string, revision: number): Promise<CurrentChange | null> {
    const { store, clock } = this.#parts;
    let entry = await store.get('secret', secretId);
    for (let looks = 0; entry !== null && entry.revision < revision && looks < SETTLES; looks += 1) {
      await clock.sleep(SETTLE);
      entry = await store.get('secret', secretId);
    }
    return entry === null ? null : changeOf(entry.record, revision);
  }

  async #keepLooking(): Promise<void> {
    if (this.#looking) return;
    this.#looking = true;
    while (this.#waiting > 0 && !this.#closed) {
      await this.#parts.clock.sleep(LOOK);
      await this.#advance().catch(() => {});
    }
    this.#looking = false;
  }

  #wakeAll(): void {
    const wake = this.#wake;
    this.#wake = wakeSignal();
    wake.abort();
  }
}

function changeOf(secret: SecretRecord, revision: number): CurrentChange | null {
  const versionId = findLabelled(secret, CURRENT)?.id;
  if (versionId === undefined || secret.deletedAt !== null) return null;
  const { id: secretId, name, arn } = secret;
  return { revision, secretId, name, arn, versionId };
}

/** Secrets among changed records, each with the last revision that wrote it, in that order. */
function lastRevisions(
  changes: readonly { readonly collection: string; readonly id: string; readonly revision: number }[],
): ReadonlyMap<string, number> {
  const last = new Map<string, number>();
  for (const { collection, id, revision } of changes) {
    if (collection !== 'secret') continue;
    last.delete(id);
    last.set(id, revision);
  }
  return last;
}

/** One line for each secret: the last. */
function latestOf(changes: readonly CurrentChange[]): readonly CurrentChange[] {
  const latest = new Map<string, CurrentChange>();
  for (const change of changes) {
    latest.delete(change.secretId);
    latest.set(change.secretId, change);
  }
  return [...latest.values()];
}

/** Thousands may wait for one signal. */
function wakeSignal(): AbortController {
  const wake = new AbortController();
  setMaxListeners(0, wake.signal);
  return wake;
}
