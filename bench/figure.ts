/** One measured figure with its limit beside it. */
export interface Figure {
  readonly name: string;
  readonly value: number;
  readonly unit: string;
  /** The limit the figure is held against, in the same unit. */
  readonly limit: number;
  /** Whether the figure must stay below or above the limit. */
  readonly must: 'stay below' | 'stay above';
  /** How it was measured, and the raw numbers behind a ratio. */
  readonly detail: string;
}

export interface Benchmark {
  readonly name: string;
  run(): Promise<readonly Figure[]>;
}

export function within(figure: Figure): boolean {
  return figure.must === 'stay below' ? figure.value <= figure.limit : figure.value >= figure.limit;
}

export function median(values: readonly number[]): number {
  return percentile(values, 0.5);
}

/** Nearest-rank percentile; share in [0, 1]. */
export function percentile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(share * sorted.length))] ?? Number.NaN;
}

export function round(value: number, digits = 2): number {
  return Number(value.toFixed(digits));
}
