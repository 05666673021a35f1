import { RekeyError } from '@rekey/core';
import type { Batch, Claim, ClaimRequest, CountRange, ListQuery, StoreDriver } from '../../store/driver.ts';
import type { SimulatedDisk } from './disk.testing.ts';
import type { Effects } from './effects.testing.ts';

/** One server's way to the disk. Each write is an effect: its server may die or sleep before and after it. */
export class SimulatedDriver implements StoreDriver {
  readonly name = 'simulated';
  readonly shared: boolean;
  readonly #disk: SimulatedDisk;
  readonly #effects: Effects;

  constructor(disk: SimulatedDisk, effects: Effects, { shared }: { readonly shared: boolean }) {
    this.#disk = disk;
    this.#effects = effects;
    this.shared = shared;
  }

  async get(collection: string, id: string) {
    if (this.#effects.isGone) await this.#effects.gone();
    return this.#disk.get(collection, id);
  }

  async list(query: ListQuery) {
    if (this.#effects.isGone) await this.#effects.gone();
    return this.#disk.list(query);
  }

  async count(collection: string, range?: CountRange) {
    if (this.#effects.isGone) await this.#effects.gone();
    if (range === undefined) return this.#disk.count(collection);
    return this.#disk.list({ collection, ...range, limit: Number.POSITIVE_INFINITY }).length;
  }

  commit(batch: Batch) {
    return this.#effects.store('commit', () => this.#disk.commit(batch));
  }

  claim(request: ClaimRequest) {
    return this.#effects.store('claim', () => this.#disk.claim(request));
  }

  renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }) {
    return this.#effects.store('renew', () => this.#disk.renew(claim, request));
  }

  release(claim: Claim) {
    return this.#effects.store('release', () => this.#disk.release(claim));
  }

  async revision() {
    if (this.#effects.isGone) await this.#effects.gone();
    return this.#disk.revision;
  }

  async changes(after: number, limit: number) {
    if (this.#effects.isGone) await this.#effects.gone();
    return this.#disk.changes(after, limit);
  }

  /** Nobody is told: each server has to ask, as one does whose connection is dead. */
  watch(): () => void {
    return () => {};
  }

  async backup(): Promise<void> {
    throw new RekeyError('unavailable', 'A simulated disk is copied by its snapshot.', { reason: 'not-supported' });
  }

  async check(): Promise<readonly string[]> {
    return [];
  }

  async close(): Promise<void> {}
}
