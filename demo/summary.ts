import type { Strategy } from '@rekey/core';
import { countMishaps, type Mishaps } from './chaos.ts';
import type { Histogram } from './latency.ts';

/** Milliseconds within which half and 99 percent of the queries were answered. */
export interface LatencyFigures {
  readonly p50: number | null;
  readonly p99: number | null;
}

/** The line of JSON at the end. */
export interface Summary {
  readonly strategy: Strategy;
  readonly seconds: number;
  /** Rotations that came to their end: new value promoted, old value proven refused. */
  readonly rotations: number;
  readonly unfinishedRotations: number;
  readonly queries: number;
  readonly failedQueries: number;
  readonly rotationSeconds: { readonly p50: number | null; readonly p99: number | null };
  readonly staleCredentialSeconds: { readonly max: number | null };
  readonly oldestCredentialSeconds: { readonly max: number };
  readonly retiredCredentialsAccepted: number;
  readonly switchWindowSeconds: { readonly p50: number | null; readonly max: number | null } | null;
  readonly latencyMilliseconds: { readonly outside: LatencyFigures; readonly inside: LatencyFigures };
  /** With chaos: how often each thing went wrong. */
  readonly mishaps: Mishaps | null;
}

/** 0 only if nothing failed, nothing was left half-done and, unless a person ended it early, something was rotated. */
export function exitCode(summary: Summary, interrupted: boolean): 0 | 1 {
  const good =
    summary.failedQueries === 0 &&
    (interrupted || (summary.queries > 0 && summary.rotations > 0)) &&
    summary.unfinishedRotations === 0 &&
    summary.retiredCredentialsAccepted === 0;
  return good ? 0 : 1;
}

/** Nearest-rank quantile of a few values; null without any. */
export function quantile(values: readonly number[], share: number): number | null {
  const sorted = values.toSorted((a, b) => a - b);
  return sorted[Math.max(1, Math.ceil(share * sorted.length)) - 1] ?? null;
}

export function latencyFigures(histogram: Histogram): LatencyFigures {
  return { p50: rounded(histogram.quantile(0.5)), p99: rounded(histogram.quantile(0.99)) };
}

/** Three decimals say enough. */
export function rounded<T extends number | null>(value: T): T {
  return (value === null ? null : Math.round(value * 1000) / 1000) as T;
}

/** The same for a person. */
export function describeSummary(summary: Summary): string {
  const { outside, inside } = summary.latencyMilliseconds;
  const window = summary.switchWindowSeconds;
  return [
    `${count(summary.rotations)} rotations in ${Math.round(summary.seconds)} s by ${summary.strategy}, ${count(summary.unfinishedRotations)} unfinished`,
    `${count(summary.queries)} queries, ${count(summary.failedQueries)} failed`,
    ...(summary.rotations === 0 ? [] : [describeStale(summary)]),
    ...(window === null || summary.rotations === 0
      ? []
      : [`switch window: ${seconds(window.p50)} in the middle, ${seconds(window.max)} at most`]),
    ...(summary.mishaps === null ? [] : [describeMishaps(summary.mishaps)]),
    `query latency p50/p99: ${pair(outside)} outside rotations, ${pair(inside)} inside`,
  ].join('\n');
}

function describeMishaps(mishaps: Mishaps): string {
  const { serverKilled, serverPaused, networkCut, networkSilent } = mishaps;
  return `${count(countMishaps(mishaps))} mishaps: server killed ${count(serverKilled)}, paused ${count(serverPaused)}, network to PostgreSQL cut ${count(networkCut)}, silent ${count(networkSilent)}`;
}

function describeStale(summary: Summary): string {
  const worked = summary.retiredCredentialsAccepted;
  return `a replaced password was accepted for ${seconds(summary.staleCredentialSeconds.max)} at most; after that ${worked === 0 ? 'none' : count(worked)} of them worked`;
}

export function count(value: number): string {
  return value.toLocaleString('en-US');
}

export function seconds(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(value < 1 ? 2 : 1)} s`;
}

export function pair(figures: LatencyFigures): string {
  return `${milliseconds(figures.p50)} / ${milliseconds(figures.p99)}`;
}

function milliseconds(value: number | null): string {
  return value === null ? '–' : `${value.toFixed(value < 10 ? 1 : 0)} ms`;
}
