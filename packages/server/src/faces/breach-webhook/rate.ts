/** Requests that may come at once, and how fast they come back. */
export interface RateLimit {
  /** Requests a minute. */
  readonly perMinute: number;
}

/** Sources remembered; beyond it the one seen longest ago is forgotten, and may begin anew. */
const MOST_SOURCES = 10_000;
const MINUTE = 60_000;

interface Bucket {
  left: number;
  at: number;
}

/** A bucket of a minute's requests for each source, which fills evenly. Time is passed in. */
export class RateGate {
  readonly #perMinute: number;
  readonly #buckets = new Map<string, Bucket>();

  constructor({ perMinute }: RateLimit) {
    this.#perMinute = perMinute;
  }

  /**
   * Takes so many (a request, or the values in it); answers the seconds to wait where there are not enough left, else
   * null. What is more than a whole minute's comes through a full bucket, and empties it.
   */
  take(source: string, now: number, many = 1): number | null {
    const wanted = Math.min(many, this.#perMinute);
    const known = this.#buckets.get(source) ?? { left: this.#perMinute, at: now };
    const left = Math.min(this.#perMinute, known.left + (Math.max(0, now - known.at) / MINUTE) * this.#perMinute);
    this.#buckets.delete(source);
    this.#buckets.set(source, { left: left < wanted ? left : left - wanted, at: now });
    if (this.#buckets.size > MOST_SOURCES) this.#forgetOldest();
    return left < wanted ? Math.ceil(((wanted - left) / this.#perMinute) * 60) : null;
  }

  #forgetOldest(): void {
    const [oldest] = this.#buckets.keys();
    if (oldest !== undefined) this.#buckets.delete(oldest);
  }
}
