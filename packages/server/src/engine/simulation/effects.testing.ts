import { RekeyError } from '@rekey/core';
import type { Fault } from './fault.testing.ts';

/** What becomes of the process behind the effects. */
export type Standing = 'awake' | 'asleep' | 'dead';

/** Effects of one server before it is said that it comes to no end; a long history has some four hundred. */
export const MOST_EFFECTS = 5_000;

/**
 * Every moment at which a server touches something that outlives it: before and after each write to the store, each
 * entry of the escrow journal and each call of the target. They are counted, and at the counted moments faults strike.
 */
export class Effects {
  /** Effects so far. */
  reached = 0;
  /** Told of each effect, when somebody asked. */
  trace: ((effect: string) => void) | null = null;
  standing: Standing = 'awake';
  storeFails = 0;
  storeRepliesLost = 0;
  escrowFails = 0;
  readonly #strike: (fault: Fault, effect: string) => void | Promise<void>;
  readonly #exhausted: () => void;
  readonly #faults = new Map<number, Fault>();
  #woken: Promise<void> = Promise.resolve();
  #wake: () => void = () => {};
  #stopped: Promise<void>;
  #tellStopped: () => void = () => {};

  /**
   * @param strike lets a fault happen that concerns more than this server's store and journal
   * @param exhausted told at each effect beyond {@link MOST_EFFECTS}; it has to stop the server
   */
  constructor(strike: (fault: Fault, effect: string) => void | Promise<void>, exhausted: () => void) {
    this.#strike = strike;
    this.#exhausted = exhausted;
    this.#stopped = this.#newStop();
  }

  plan(at: number, fault: Fault): void {
    this.#faults.set(at, fault);
  }

  get isGone(): boolean {
    return this.standing !== 'awake';
  }

  get isAsleep(): boolean {
    return this.standing === 'asleep';
  }

  /** Resolves when the server dies or falls asleep. */
  get stopped(): Promise<void> {
    return this.#stopped;
  }

  /** What a server that is gone waits for. */
  gone(): Promise<void> {
    // A promise of its own: one for all would hold whatever waits, each dead server's world, for as long as the run.
    return this.standing === 'dead' ? new Promise(() => {}) : this.#woken;
  }

  die(): void {
    this.standing = 'dead';
    this.#tellStopped();
  }

  sleep(): void {
    this.standing = 'asleep';
    this.#woken = new Promise((resolve) => {
      this.#wake = resolve;
    });
    this.#tellStopped();
  }

  wake(): void {
    this.standing = 'awake';
    this.#stopped = this.#newStop();
    this.#wake();
  }

  /** A write to the store. */
  async store<T>(name: string, write: () => T): Promise<T> {
    const before = this.point('before', name);
    if (before !== null) await before;
    if (this.storeFails > 0) {
      this.storeFails -= 1;
      throw storeAway();
    }
    const result = write();
    const after = this.point('after', name);
    if (after !== null) await after;
    if (this.storeRepliesLost > 0) {
      this.storeRepliesLost -= 1;
      throw storeAway();
    }
    return result;
  }

  async escrow(append: () => Promise<void>): Promise<void> {
    await this.point('before', 'escrow');
    if (this.escrowFails > 0) {
      this.escrowFails -= 1;
      throw new RekeyError('storage-full', 'The disk of the escrow journal is full.');
    }
    await append();
    await this.point('after', 'escrow');
  }

  /** One of the counted moments. Nothing to wait for where nothing strikes, as at most of them. */
  point(when: 'before' | 'amid' | 'after', what: string): Promise<void> | null {
    const isStruck = this.#faults.has(this.reached + 1) || this.reached >= MOST_EFFECTS;
    if (this.standing !== 'awake' || isStruck) return this.#meet(when, what);
    this.reached += 1;
    this.trace?.(`${when}:${what}`);
    return null;
  }

  async #meet(when: string, what: string): Promise<void> {
    while (this.standing !== 'awake') await this.gone();
    this.reached += 1;
    if (this.reached > MOST_EFFECTS) {
      this.#exhausted();
      return this.gone();
    }
    this.trace?.(`${when}:${what}`);
    const fault = this.#faults.get(this.reached);
    if (fault === undefined) return;
    await this.#strike(fault, `${when}:${what}`);
    while (this.standing !== ('awake' as Standing)) await this.gone();
  }

  #newStop(): Promise<void> {
    return new Promise((resolve) => {
      this.#tellStopped = resolve;
    });
  }
}

function storeAway(): RekeyError {
  return new RekeyError('unavailable', 'The store cannot be reached.', { reason: 'store-unreachable' });
}
