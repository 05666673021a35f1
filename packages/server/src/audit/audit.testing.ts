import { generateKeyPairSync } from 'node:crypto';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestContext } from 'node:test';
import type { Clock } from '@rekey/core';
import type { Checkpoint } from './checkpoint.ts';
import type { AuditEntry } from './entry.ts';
import { type AuditLogOptions, ChainedAuditLog } from './log.ts';

/** Shared by the tests of this folder. */
export const KEYS = generateKeyPairSync('ed25519');

/** A clock that stands still until it is moved; who sleeps on it wakes when it passes their time. */
export class HandClock implements Clock {
  #now = Date.UTC(2026, 4, 17, 10, 30);
  #sleepers: { until: number; wake: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  sleep(milliseconds: number, signal?: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      if (signal?.aborted) return resolve();
      this.#sleepers.push({ until: this.#now + milliseconds, wake: resolve });
      signal?.addEventListener('abort', () => resolve(), { once: true });
    });
  }

  alarm(milliseconds: number, ring: () => void): () => void {
    const sleeper = { until: this.#now + milliseconds, wake: ring };
    this.#sleepers.push(sleeper);
    return () => {
      this.#sleepers = this.#sleepers.filter((other) => other !== sleeper);
    };
  }

  /** Moves on and lets everybody who woke finish what they do without waiting for anything slow. */
  async advance(milliseconds: number): Promise<void> {
    this.#now += milliseconds;
    const due = this.#sleepers.filter(({ until }) => until <= this.#now);
    this.#sleepers = this.#sleepers.filter(({ until }) => until > this.#now);
    for (const { wake } of due) wake();
    await new Promise(setImmediate);
  }
}

/** A folder that goes away with its test. */
export function temporaryFolder(context: Pick<TestContext, 'after'>): string {
  const folder = mkdtempSync(join(tmpdir(), 'rekey-audit-'));
  context.after(() => rmSync(folder, { recursive: true, force: true }));
  return join(folder, 'audit');
}

export function entryOf(number: number): AuditEntry {
  return {
    time: Date.UTC(2026, 4, 17, 10, 30) + number,
    kind: 'request',
    action: 'secretsmanager:GetSecretValue',
    principal: 'arn:aws:iam::000000000000:root',
    accessKeyId: 'AKIDEXAMPLE',
    address: '192.0.2.1',
    requestId: `request-${number}`,
    resource: `db/${number}`,
    versionId: null,
    outcome: 'allowed',
    detail: null,
  };
}

export function openLog(folder: string, options: Partial<AuditLogOptions> = {}): Promise<ChainedAuditLog> {
  return ChainedAuditLog.open({ folder, signingKey: KEYS.privateKey, clock: new HandClock(), ...options });
}

/** Writes so many entries and closes the log; returns its last checkpoint. */
export async function writeLog(
  folder: string,
  count: number,
  options: Partial<AuditLogOptions> = {},
): Promise<Checkpoint | null> {
  const checkpoints: Checkpoint[] = [];
  const log = await openLog(folder, { onCheckpoint: (checkpoint) => void checkpoints.push(checkpoint), ...options });
  for (let number = 1; number <= count; number++) await log.append(entryOf(number));
  await log.close();
  return checkpoints.at(-1) ?? null;
}

export function lineFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => name.startsWith('audit-'))
    .sort();
}

/** Rewrites the lines of a file. */
export function editLines(folder: string, file: string, edit: (lines: string[]) => string[]): void {
  const path = join(folder, file);
  const lines = readFileSync(path, 'utf8').split('\n').slice(0, -1);
  writeFileSync(
    path,
    edit(lines)
      .map((line) => `${line}\n`)
      .join(''),
  );
}
