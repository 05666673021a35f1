import type { RotationRecord } from '@rekey/core';

/** A rotation that is ready to go on, and its target where that was looked up; null: it cannot be told. */
export interface Candidate {
  readonly record: RotationRecord;
  target?: string | null;
}

/** `passed-over`: it waits on, since there is no place at its target. `gone`: not to be offered again. */
export type Offered = 'started' | 'passed-over' | 'gone';

/**
 * What was found ready at a worker's last look and had no place then, in the order of turns. With a backlog, to list and
 * open all that is due at each rotation's end would cost more than the rotation; so what becomes free goes to the next of
 * these as long as that look is young.
 */
export class Backlog {
  readonly #youngFor: number;
  #lookedAt = Number.NEGATIVE_INFINITY;
  #candidates: Candidate[] = [];

  /** @param youngFor how long a look stands; milliseconds */
  constructor(youngFor: number) {
    this.#youngFor = youngFor;
  }

  /** A new look begins; what {@link found} brings is as young as this moment. */
  look(now: number): void {
    this.#lookedAt = now;
    this.#candidates = [];
  }

  found(records: readonly RotationRecord[]): void {
    this.#candidates = records.map((record) => ({ record }));
  }

  /** Something may be due that was not seen: a new look is needed, even where one is under way. */
  forget(): void {
    this.#lookedAt = Number.NEGATIVE_INFINITY;
  }

  /** Whether there is anything to offer from a look that still stands. */
  stands(now: number): boolean {
    const age = now - this.#lookedAt;
    return this.#candidates.length > 0 && age >= 0 && age < this.#youngFor;
  }

  /** Offers each in turn as long as there is a place. */
  async offer(hasPlace: () => boolean, start: (candidate: Candidate) => Promise<Offered>): Promise<void> {
    const offered = this.#candidates;
    const passedOver: Candidate[] = [];
    while (hasPlace()) {
      const candidate = offered.shift();
      if (candidate === undefined) break;
      if ((await start(candidate)) === 'passed-over') passedOver.push(candidate);
    }
    offered.unshift(...passedOver);
  }
}
