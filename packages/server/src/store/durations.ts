/** How long something took, over a process's life: as much as a histogram of Prometheus tells. */
export interface DurationCounts {
  /** Upper bounds in seconds, ascending, and how many took no longer than each. */
  readonly buckets: readonly { readonly seconds: number; readonly count: number }[];
  /** All of them together; seconds. */
  readonly sum: number;
  readonly count: number;
}

/** Counts durations by upper bounds; one costs a handful of comparisons. */
export class Durations {
  readonly #bounds: readonly number[];
  readonly #counts: number[];
  #sum = 0;
  #count = 0;

  /** @param bounds seconds, ascending */
  constructor(bounds: readonly number[]) {
    this.#bounds = bounds;
    this.#counts = bounds.map(() => 0);
  }

  /** What a clock that was set back makes negative counts as no time at all. */
  took(milliseconds: number): void {
    const seconds = Math.max(0, milliseconds) / 1_000;
    const at = this.#bounds.findIndex((bound) => seconds <= bound);
    if (at >= 0) this.#counts[at]! += 1;
    this.#sum += seconds;
    this.#count += 1;
  }

  get counts(): DurationCounts {
    let count = 0;
    const buckets = this.#bounds.map((seconds, at) => {
      count += this.#counts[at]!;
      return { seconds, count };
    });
    return { buckets, sum: this.#sum, count: this.#count };
  }
}
