import { setTimeout as delay } from 'node:timers/promises';
import { RekeyClientError } from '@rekey/client';
import { type RotationRecord, systemRandom } from '@rekey/core';
import { Application } from './application.ts';
import { Chaos } from './chaos.ts';
import { LatencyBook } from './latency.ts';
import type { Options } from './options.ts';
import {
  busySpans,
  oldestAcceptedAge,
  rotationSeconds,
  staleSeconds,
  switchWindowSeconds,
} from './rotation-figures.ts';
import { describeRotation, type RotationStatus, RotationWatch } from './rotation-watch.ts';
import type { Display, View } from './screen.ts';
import { latencyFigures, quantile, rounded, type Summary } from './summary.ts';
import { ROTATION_PATH, SECRET, type System } from './system.ts';
import { type DatabaseCredential, isAccepted } from './target-database.ts';

const LOOK_EVERY_MS = 200;
/** A query is filed as inside or outside a rotation once the rotation's own record is sure to have been read. */
const FILE_AFTER_MS = 2_000;
/** What is under way when the time is over gets this much longer than its overlap to come to its end. */
const FINISH_WITHIN_MS = 30_000;

/** Runs the application against the rotating target, watches both, and sums up. */
export class Demonstration {
  readonly #system: System;
  readonly #options: Options;
  readonly #display: Display;
  readonly #latency = new LatencyBook();
  readonly #application: Application;
  readonly #watch = new RotationWatch();
  readonly #chaos: Chaos | null;
  readonly #began = Date.now();
  readonly #checks: Promise<void>[] = [];
  #oldestAge = 0;
  #retiredAccepted = 0;

  constructor(system: System, options: Options, display: Display) {
    this.#system = system;
    this.#options = options;
    this.#display = display;
    this.#application = new Application(system.pool, this.#latency);
    const { server, road } = system;
    const tell = (line: string) => display.event(line);
    this.#chaos = road === null ? null : new Chaos({ server, road, random: systemRandom, tell });
  }

  /** Ends when the time is over and the rotations begun until then have ended, or at once when the signal aborts. */
  async run(signal: AbortSignal): Promise<Summary> {
    const ending = new AbortController();
    const application = this.#application.run(ending.signal);
    try {
      await Promise.race([this.#observe(signal), this.#system.server.failure]);
    } finally {
      ending.abort();
      await application;
    }
    await Promise.all(this.#checks);
    return this.#summary(signal.aborted);
  }

  async #observe(signal: AbortSignal): Promise<void> {
    const { runFor, overlap } = this.#options;
    const until = runFor === null ? Number.POSITIVE_INFINITY : this.#began + runFor;
    const peace = new AbortController();
    const chaos = this.#chaos?.run(AbortSignal.any([signal, peace.signal]));
    while (!signal.aborted && Date.now() < until) await this.#lookAndWait(signal);
    peace.abort();
    await chaos;
    const pending = this.#watch.unfinished.map((record) => record.id);
    const deadline = Date.now() + overlap + FINISH_WITHIN_MS;
    const isPending = () => this.#watch.unfinished.some((record) => pending.includes(record.id));
    while (!signal.aborted && isPending() && Date.now() < deadline) await this.#lookAndWait(signal);
    this.#watch.stopCounting(pending);
  }

  async #lookAndWait(signal: AbortSignal): Promise<void> {
    const status = await this.#status();
    const now = Date.now();
    for (const record of status === null ? [] : this.#watch.note(status)) this.#tell(record, now);
    this.#latency.settle(now - FILE_AFTER_MS, busySpans(this.#watch.records, now));
    this.#oldestAge = Math.max(this.#oldestAge, this.#ageOfOldest(now));
    this.#display.update(this.#view(now));
    await delay(LOOK_EVERY_MS, undefined, { signal }).catch(() => {});
  }

  /** Null while chaos keeps the server from answering. */
  async #status(): Promise<RotationStatus | null> {
    const asked = this.#system.client.native('GET', ROTATION_PATH) as Promise<unknown> as Promise<RotationStatus>;
    return this.#chaos === null ? asked : asked.catch(nullIfRetryable);
  }

  #tell(record: RotationRecord, now: number): void {
    this.#display.event(`rotation ${describeRotation(record, now)}`);
    if (record.state === 'done') this.#checks.push(this.#checkRetired(record));
  }

  /** Not rekey's word but a login of our own: the replaced password must not work any more. */
  async #checkRetired(record: RotationRecord): Promise<void> {
    if (record.previousVersionId === null) return;
    const credential = await this.#credentialOf(record.previousVersionId);
    if ((await isAccepted(credential)) !== true) return;
    this.#retiredAccepted++;
    this.#display.event(`rotation #${record.number}: the replaced password still works`);
  }

  async #credentialOf(versionId: string): Promise<DatabaseCredential> {
    const { client, postgres } = this.#system;
    for (;;) {
      const asked = client.getSecretValue({ SecretId: SECRET, VersionId: versionId });
      const answer = await (this.#chaos === null ? asked : asked.catch(nullIfRetryable));
      if (answer !== null) return { ...JSON.parse(answer.SecretString ?? '{}'), port: postgres.port };
      await delay(LOOK_EVERY_MS);
    }
  }

  #ageOfOldest(now: number): number {
    return oldestAcceptedAge(this.#watch.records, this.#system.bornAt, now);
  }

  #view(now: number): View {
    const { queries, failedQueries, lastFailure } = this.#application;
    const { running, plannedAt, finished } = this.#watch;
    const version = this.#system.secret.current();
    return {
      options: this.#options,
      port: this.#system.postgres.port,
      seconds: (now - this.#began) / 1000,
      version: version.versionId,
      username: version.value.username,
      rotation: running === null ? null : describeRotation(running, now),
      nextInSeconds: plannedAt === null ? null : Math.max(0, (plannedAt - now) / 1000),
      rotations: finished.length,
      queries,
      failedQueries,
      lastFailure,
      oldestSeconds: this.#ageOfOldest(now) / 1000,
      outside: latencyFigures(this.#latency.outside),
      inside: latencyFigures(this.#latency.inside),
      switchWindowSeconds: this.#options.strategy === 'single-user' ? quantile(switchWindowSeconds(finished), 1) : null,
    };
  }

  /** Whoever interrupts rotations has not seen them fail: the one at work and the one queued behind it are left out. */
  #summary(interrupted: boolean): Summary {
    this.#latency.settle(Number.POSITIVE_INFINITY, busySpans(this.#watch.records, Date.now()));
    const { finished, unfinished, failed } = this.#watch;
    const windows = switchWindowSeconds(finished);
    return {
      strategy: this.#options.strategy,
      seconds: rounded((Date.now() - this.#began) / 1000),
      rotations: finished.length,
      unfinishedRotations: (interrupted ? failed : unfinished).length,
      queries: this.#application.queries,
      failedQueries: this.#application.failedQueries,
      rotationSeconds: quantiles(rotationSeconds(finished)),
      staleCredentialSeconds: { max: rounded(quantile(staleSeconds(finished), 1)) },
      oldestCredentialSeconds: { max: rounded(this.#oldestAge / 1000) },
      retiredCredentialsAccepted: this.#retiredAccepted,
      switchWindowSeconds:
        this.#options.strategy === 'single-user' ? { p50: quantile(windows, 0.5), max: quantile(windows, 1) } : null,
      latencyMilliseconds: {
        outside: latencyFigures(this.#latency.outside),
        inside: latencyFigures(this.#latency.inside),
      },
      mishaps: this.#chaos?.mishaps ?? null,
    };
  }
}

function quantiles(values: readonly number[]): { p50: number | null; p99: number | null } {
  return { p50: rounded(quantile(values, 0.5)), p99: rounded(quantile(values, 0.99)) };
}

function nullIfRetryable(error: unknown): null {
  if (error instanceof RekeyClientError && error.retryable) return null;
  throw error;
}
