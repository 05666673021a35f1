import { type AccessUseRecord, type Clock, type Logger, messageOf } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { write } from './records.ts';

export interface AccessUsesParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly log: Logger;
  readonly region: string;
}

/** What is new is written within this time; a crash loses no more. Milliseconds. */
const FLUSH = 60_000;
const BATCH = 200;
/** Keys remembered between two flushes. Beyond them a use is not noted: that costs a date, nothing else. */
const REMEMBERED = 50_000;

/** Notes when access keys and roles are used, off the path of the request: memory first, the store once a minute. */
export class AccessUses {
  readonly #parts: AccessUsesParts;
  readonly #unwritten = new Map<string, { at: number; service: string }>();
  readonly #closing = new AbortController();
  #scheduled = false;

  constructor(parts: AccessUsesParts) {
    this.#parts = parts;
  }

  /** @param id of an access key or role */
  saw(id: string, service: string): void {
    const at = this.#parts.clock.now();
    const known = this.#unwritten.get(id);
    if (known === undefined) {
      if (this.#unwritten.size < REMEMBERED) this.#unwritten.set(id, { at, service });
    } else {
      known.at = at;
      known.service = service;
    }
    if (!this.#scheduled) this.#schedule();
  }

  /** The last use, whether written yet or not. */
  async find(id: string): Promise<AccessUseRecord | null> {
    const unwritten = this.#unwritten.get(id);
    if (unwritten !== undefined) return { ...unwritten, region: this.#parts.region };
    return (await this.#parts.store.get('access-use', id))?.record ?? null;
  }

  async flush(): Promise<void> {
    const { store, region } = this.#parts;
    const uses = [...this.#unwritten];
    for (let from = 0; from < uses.length; from += BATCH) {
      const batch = uses.slice(from, from + BATCH);
      await store.commit(batch.map(([id, use]) => write('access-use', id, { ...use, region })));
      for (const [id, use] of batch) if (this.#unwritten.get(id)?.at === use.at) this.#unwritten.delete(id);
    }
  }

  /** Writes everything that was seen, and schedules nothing more. */
  async close(): Promise<void> {
    this.#closing.abort();
    await this.flush();
  }

  #schedule(): void {
    const { signal } = this.#closing;
    if (signal.aborted) return;
    this.#scheduled = true;
    void this.#parts.clock.sleep(FLUSH, signal).then(async () => {
      this.#scheduled = false;
      if (signal.aborted) return;
      await this.flush().catch((error) => this.#complain(error));
      if (this.#unwritten.size > 0 && !this.#scheduled) this.#schedule();
    });
  }

  #complain(error: unknown): void {
    const fields = { reason: messageOf(error), waiting: this.#unwritten.size };
    this.#parts.log.warn(fields, 'When access keys were last used could not be written; it is tried again in a minute');
  }
}
