/** Buckets grow by this factor, which bounds the error of a quantile to 2 %. */
const GROWTH = 1.02;
const SMALLEST_MS = 0.01;
const BUCKETS = 900;

/** Durations in buckets: constant memory however long the demonstration runs. */
export class Histogram {
  readonly #counts = new Uint32Array(BUCKETS);
  #count = 0;

  get count(): number {
    return this.#count;
  }

  add(milliseconds: number): void {
    const bucket = Math.ceil(Math.log(Math.max(milliseconds, SMALLEST_MS) / SMALLEST_MS) / Math.log(GROWTH));
    this.#counts[Math.min(bucket, BUCKETS - 1)]! += 1;
    this.#count += 1;
  }

  /** Milliseconds that the given share (0 to 1) of all durations stays within; null without any. */
  quantile(share: number): number | null {
    if (this.#count === 0) return null;
    let left = Math.max(1, Math.ceil(share * this.#count));
    const bucket = this.#counts.findIndex((count) => {
      left -= count;
      return left <= 0;
    });
    return SMALLEST_MS * GROWTH ** bucket;
  }
}

/** A span of time, in milliseconds since the epoch. */
export interface Span {
  readonly from: number;
  readonly until: number;
}

interface TimedQuery {
  readonly startedAt: number;
  readonly milliseconds: number;
}

/**
 * Latencies apart: inside rotations and outside. Whether a query fell into a rotation is known only a little later, when
 * the rotation's own record has been read; until then it waits here.
 */
export class LatencyBook {
  readonly inside = new Histogram();
  readonly outside = new Histogram();
  #waiting: TimedQuery[] = [];

  record(startedAt: number, milliseconds: number): void {
    this.#waiting.push({ startedAt, milliseconds });
  }

  /** Files what started before `until`: inside if it overlapped one of the spans. */
  settle(until: number, rotations: readonly Span[]): void {
    const later: TimedQuery[] = [];
    for (const query of this.#waiting) {
      if (query.startedAt >= until) later.push(query);
      else (overlapsAny(query, rotations) ? this.inside : this.outside).add(query.milliseconds);
    }
    this.#waiting = later;
  }
}

function overlapsAny(query: TimedQuery, spans: readonly Span[]): boolean {
  const endedAt = query.startedAt + query.milliseconds;
  return spans.some((span) => query.startedAt <= span.until && endedAt >= span.from);
}
