import { CURRENT, messageOf, RekeyError, type SecretRecord } from '@rekey/core';
import type { Claim } from '../../store/driver.ts';
import type { ListedEntry } from '../../store/store.ts';
import { isQuarantined } from '../quarantine/quarantine-state.ts';
import { LOOK_TIME } from '../target/target-look.ts';
import { findLabelled } from '../versions.ts';
import { DriftLook, type DriftLookParts } from './drift-look.ts';
import { DRIFT_CONDITIONS, phasesBetween } from './drift-state.ts';

export interface DriftWatchParts extends DriftLookParts {
  /** Milliseconds within which every secret has its turn; null: nothing is looked at. */
  readonly every: number | null;
}

/** Id of the claim of the server that looks, and of the setting that says how far it came. */
const WATCH = 'drift';
/** Secrets looked at side by side: quick enough for ten thousand a day, no flood for one target. */
const ABREAST = 4;
const PAGE = 40;
/** Longer than a page takes whose logins all time out. Milliseconds. */
const CLAIM_TIME = (PAGE / ABREAST) * LOOK_TIME + LOOK_TIME;
/** Turns missed longer ago than this part of the interval (an hour of a day) are left for the next round: no bursts. */
const CATCH_UP = 1 / 24;
/** Parts of the interval between two passes, within {@link LEAST_PAUSE} and {@link MOST_PAUSE}. */
const PASSES = 1_440;
const LEAST_PAUSE = 1_000;
const MOST_PAUSE = 60_000;

/**
 * Looks at every current value in its turn: a few each minute, spread over the interval by a place that each secret
 * always has. What has drifted is looked at again sooner, so that an alert ends soon after its cause.
 */
export class DriftWatch {
  readonly #parts: DriftWatchParts;
  readonly #look: DriftLook;
  readonly #stopped = new AbortController();
  #loop: Promise<void> = Promise.resolve();

  constructor(parts: DriftWatchParts) {
    this.#parts = parts;
    this.#look = new DriftLook(parts);
  }

  start(): void {
    const { every } = this.#parts;
    if (every !== null) this.#loop = this.#goOn(Math.min(MOST_PAUSE, Math.max(LEAST_PAUSE, every / PASSES)));
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  /** One pass over the secrets whose turn has come since the last one, on whichever server it was. */
  async pass(): Promise<void> {
    const { store, clock, holder, every } = this.#parts;
    if (every === null || (await isQuarantined(store))) return;
    const claim = await store.claim({ key: WATCH, holder, now: clock.now(), milliseconds: CLAIM_TIME });
    if (claim === null) return;
    try {
      await this.#passUnder(claim, every);
      await this.#review(every);
    } finally {
      await store.release(claim);
    }
  }

  async #passUnder(claim: Claim, every: number): Promise<void> {
    const { store, clock } = this.#parts;
    const now = clock.now();
    const setting = await store.get('setting', WATCH);
    const lookedUntil = Number(setting?.record.lookedUntil ?? now);
    for (const [from, until] of phasesBetween(Math.max(lookedUntil, now - every * CATCH_UP), now, every))
      await this.#lookAtPhases(claim, from, until);
    await store.commit([{ collection: 'setting', id: WATCH, record: { lookedUntil: now } }], { fences: [claim] });
  }

  async #lookAtPhases(claim: Claim, from: string, until: string): Promise<void> {
    const { store, clock } = this.#parts;
    let after: { readonly value: string; readonly id: string } | null = null;
    for (;;) {
      const query = { index: 'phase', from, until, limit: PAGE, ...(after === null ? {} : { after }) };
      const page: readonly ListedEntry<SecretRecord>[] = await store.list('secret', query);
      await this.#lookAtAll(page.map(({ id }) => id));
      const last = page.at(-1);
      if (last === undefined || page.length < PAGE || this.#stopped.signal.aborted) return;
      after = { value: last.indexValue ?? '', id: last.id };
      const renewed = await store.renew(claim, { now: clock.now(), milliseconds: CLAIM_TIME });
      if (renewed === null) throw new RekeyError('conflict', 'Another server looks at targets now.');
    }
  }

  /** What stands as drifted is looked at when its value changed, and else as often as missed turns are caught up. */
  async #review(every: number): Promise<void> {
    const { store, alerts, clock } = this.#parts;
    const due: string[] = [];
    for (const { condition, secretId } of await alerts.standing()) {
      if (secretId === null || !condition.startsWith(DRIFT_CONDITIONS)) continue;
      const secret = (await store.get('secret', secretId))?.record ?? null;
      const record = (await store.get('drift', secretId))?.record ?? null;
      if (secret === null || secret.deletedAt !== null || secret.rotation?.functionArn == null)
        await alerts.resolve(condition);
      else if (record?.versionId !== findLabelled(secret, CURRENT)?.id) due.push(secretId);
      else if ((record?.lookedAt ?? 0) + every * CATCH_UP <= clock.now()) due.push(secretId);
    }
    await this.#lookAtAll(due);
  }

  async #lookAtAll(secretIds: readonly string[]): Promise<void> {
    for (let from = 0; from < secretIds.length && !this.#stopped.signal.aborted; from += ABREAST)
      await Promise.all(secretIds.slice(from, from + ABREAST).map((id) => this.#guarded(id)));
  }

  /** One secret whose look fails on our side does not keep others from theirs. */
  async #guarded(secretId: string): Promise<void> {
    try {
      await this.#look.look(secretId, this.#stopped.signal);
    } catch (error) {
      this.#tell(error);
    }
  }

  async #goOn(pause: number): Promise<void> {
    const { signal } = this.#stopped;
    while (!signal.aborted) {
      await this.pass().catch((error) => this.#tell(error));
      await this.#parts.clock.sleep(pause, signal);
    }
  }

  #tell(error: unknown): void {
    const reason = error instanceof RekeyError ? messageOf(error) : 'unexpected';
    this.#parts.log.error({ reason }, 'Looking whether current values are still accepted failed; it is tried again');
  }
}
