import {
  CURRENT,
  type FindRotationFunction,
  messageOf,
  RekeyError,
  type RotationRecord,
  type SecretRecord,
} from '@rekey/core';
import type { BreachCase, BreachRecord } from '../../store/breach-record.ts';
import type { Unstick } from '../correction/unstick.ts';
import { claimKey } from '../rotation/held-secrets.ts';
import type { JournalParts, RotationJournal } from '../rotation/rotation-journal.ts';
import type { Rotations } from '../rotation/rotations.ts';
import { LOOK_TIME, type TargetLook } from '../target/target-look.ts';
import { findLabelled } from '../versions.ts';
import { type BreachDecision, type BreachFacts, decideBreach } from './breach-decision.ts';
import type { BreachHolders } from './breach-holders.ts';
import type { FingerprintIndex } from './fingerprint-index.ts';
import { cutShort, hastened, isAtRest } from './hasten.ts';

export interface CaseWorkParts extends JournalParts {
  readonly journal: RotationJournal;
  readonly rotations: Rotations;
  readonly unstick: Unstick;
  readonly look: TargetLook;
  readonly findFunction: FindRotationFunction;
  readonly fingerprints: FingerprintIndex;
  readonly breachHolders: BreachHolders;
  /** Unique to this process. */
  readonly holder: string;
  /** Told when a rotation was hurried, so that the worker need not find it by looking. */
  readonly onHastened: () => void;
}

/** Between two looks at a rotation that is at work. Milliseconds. */
const SHORT_PAUSE = 200;
/** The same for one that takes its time: looking costs reads of a few records. */
const LONG_PAUSE = 1_000;
/** Between two looks at what a person has to do. */
const PERSON_PAUSE = 15_000;
/** Pauses after logins that told nothing. */
const VAIN_PAUSES = [1_000, 5_000, 30_000, 120_000, 300_000];
/** What stands as pending of another secret's test goes away by itself. */
const PASSING = new Set(['previous-rotation-incomplete', 'secret-in-use']);

/** Goes on with one secret of a breach: one look, at most one act. What it acts through survives a crash by itself. */
export class CaseWork {
  readonly #parts: CaseWorkParts;

  constructor(parts: CaseWorkParts) {
    this.#parts = parts;
  }

  /** The case as it is after the look. */
  async goOn(breach: BreachRecord, before: BreachCase): Promise<BreachCase> {
    const secret = (await this.#parts.store.get('secret', before.secretId))?.record ?? null;
    const found = await this.#withWhatWasSeen(breach, await this.#withVersions(breach, before));
    const facts = await this.#facts(breach, found, secret);
    try {
      return await this.#act(breach, found, decideBreach(found, facts), secret);
    } catch (error) {
      if (!(error instanceof RekeyError) || error.code === 'unavailable') throw error;
      const isPassing = PASSING.has(error.reason) || error.code === 'conflict';
      return isPassing ? this.#waits(found, messageOf(error), LONG_PAUSE) : this.#asks(found, messageOf(error));
    }
  }

  async #act(
    breach: BreachRecord,
    found: BreachCase,
    decision: BreachDecision,
    secret: SecretRecord | null,
  ): Promise<BreachCase> {
    switch (decision.do) {
      case 'begin':
        return secret === null ? found : this.#begin(breach, found, secret);
      case 'hasten':
        return this.#hasten(found, decision.rotation, (record, now) => hastened(record, breach.settings, now));
      case 'cut':
        return this.#cut(breach, found, decision);
      case 'unstick':
        return this.#unstick(breach, found);
      case 'probe':
        return secret === null ? found : this.#probe(found, secret, decision.versionId);
      case 'wait':
        return this.#waits(found, decision.sentence, SHORT_PAUSE);
      case 'ask':
        return this.#asks(found, decision.sentence);
      case 'finish':
        return this.#finished(found, decision);
    }
  }

  /**
   * Only on the value that the decision was about: a rotation that promotes meanwhile has replaced what leaked, and a
   * second one would take the new value, overlap cut short, from under those who have just read it.
   */
  async #begin({ askedBy, settings }: BreachRecord, found: BreachCase, seen: SecretRecord): Promise<BreachCase> {
    const request = { versionId: null, cause: 'breach', askedBy, settings } as const;
    const current = findLabelled(seen, CURRENT)?.id;
    const isAsSeen = (latest: SecretRecord) => findLabelled(latest, CURRENT)?.id === current;
    const begun = await this.#parts.rotations.beginIf(found.secretId, request, isAsSeen);
    if (begun === null) return this.#waits(found, 'Another value became current meanwhile.', 0);
    return this.#waits(withRotation(found, begun.id), `Rotation ${begun.number} is under way.`, SHORT_PAUSE);
  }

  async #cut({ settings }: BreachRecord, found: BreachCase, { rotation, leaked }: BreachDecision & { do: 'cut' }) {
    const { breachHolders, clock } = this.#parts;
    const held = rotation.previousVersionId ?? '';
    const leftBehind = await breachHolders.namesWith(found.secretId, held, clock.now());
    const cut = { endSessions: leaked && settings.endSessions, leftBehind };
    return this.#hasten(found, rotation, (record, now) => cutShort(record, cut, now));
  }

  /** Written beside the worker only where it does nothing at that moment; else at the next look. */
  async #hasten(
    found: BreachCase,
    rotation: RotationRecord,
    change: (record: RotationRecord, now: number) => RotationRecord | null,
  ): Promise<BreachCase> {
    const { store, journal, clock, rotations, onHastened } = this.#parts;
    const joined = withRotation(found, rotation.id);
    const sentence = rotation.waitingFor ?? `Rotation ${rotation.number} is under way.`;
    if (rotation.state === 'blocked') {
      await rotations.reattempt(found.secretId);
      onHastened();
    }
    const entry = await store.get('rotation', rotation.id);
    const after = entry === null ? null : change(entry.record, clock.now());
    if (entry === null || after === null) return this.#waits(joined, sentence, pauseFor(rotation));
    if (!isAtRest(entry.record, clock.now())) return this.#waits(joined, sentence, SHORT_PAUSE);
    await journal.write('recovery', entry, after, null);
    onHastened();
    return this.#waits(joined, `Rotation ${rotation.number} is hurried.`, SHORT_PAUSE);
  }

  async #unstick({ askedBy }: BreachRecord, found: BreachCase): Promise<BreachCase> {
    const { outcome, sentence, rotation } = await this.#parts.unstick.unstick(found.secretId, askedBy);
    if (outcome !== 'left')
      return this.#waits(rotation === null ? found : withRotation(found, rotation.id), sentence, SHORT_PAUSE);
    return this.#inVain(found, sentence);
  }

  /** Under the claim of the secret's rotations, so that no value is tried while it is being set. */
  async #probe(found: BreachCase, secret: SecretRecord, versionId: string): Promise<BreachCase> {
    const { store, clock, look, findFunction, holder } = this.#parts;
    const rotationFunction = findFunction(secret.rotation?.functionArn ?? '');
    if (rotationFunction === null) return this.#waits(found, 'There is no rotation function.', LONG_PAUSE);
    const request = {
      key: claimKey(secret.id),
      holder: `${holder} (breach)`,
      now: clock.now(),
      milliseconds: 2 * LOOK_TIME,
    };
    const claim = await store.claim(request);
    if (claim === null) return this.#waits(found, 'A server works on this secret right now.', LONG_PAUSE);
    try {
      const { outcome, reason } = await look.look(rotationFunction, secret, versionId);
      if (outcome === 'refused') return this.#waits({ ...found, refusedAt: clock.now(), vainLooks: 0 }, reason, 0);
      if (outcome === 'accepted')
        return this.#waits({ ...found, acceptedAt: clock.now(), vainLooks: 0 }, 'The target still accepts it.', 0);
      return this.#inVain(found, `Could not look whether the target still accepts it: ${reason}`);
    } finally {
      await store.release(claim);
    }
  }

  async #finished(found: BreachCase, end: BreachDecision & { do: 'finish' }): Promise<BreachCase> {
    const { outcome, sentence, refusedAt } = end;
    const finishedAt = this.#parts.clock.now();
    const holders = await this.#parts.breachHolders.of(found.secretId, found.versionIds);
    return { ...found, state: 'finished', outcome, sentence, refusedAt, holders, finishedAt, nextLookAt: null };
  }

  /** A version made meanwhile may hold what leaked too: parts that a rotation does not replace are copied. */
  async #withVersions({ fingerprints }: BreachRecord, found: BreachCase): Promise<BreachCase> {
    if (fingerprints === null) return found;
    const places = await this.#parts.fingerprints.findIndexed(fingerprints);
    const known = new Set(found.versionIds);
    const more = places.filter(({ secretId, versionId }) => secretId === found.secretId && !known.has(versionId));
    return more.length === 0
      ? found
      : { ...found, versionIds: [...found.versionIds, ...more.map(({ versionId }) => versionId)] };
  }

  async #withWhatWasSeen(breach: BreachRecord, found: BreachCase): Promise<BreachCase> {
    const read = await Promise.all(found.rotationIds.map((id) => this.#parts.store.get('rotation', id)));
    const rotations = read.flatMap((entry) => (entry === null ? [] : [entry.record]));
    const leaked = new Set(found.versionIds);
    const mine = rotations.filter(({ previousVersionId }) => leaked.has(previousVersionId ?? ''));
    const promotedAt = mine.findLast((record) => (record.promotedAt ?? 0) >= breach.createdAt)?.promotedAt ?? null;
    const sessionsEnded = mine.findLast((record) => record.sessionsEnded !== undefined)?.sessionsEnded ?? null;
    const cutOff = [...new Set([...found.cutOff, ...rotations.flatMap((record) => record.leftBehind ?? [])])];
    return {
      ...found,
      promotedAt: promotedAt ?? found.promotedAt,
      sessionsEnded: sessionsEnded ?? found.sessionsEnded,
      cutOff,
    };
  }

  async #facts(
    { source, createdAt: reportedAt }: BreachRecord,
    found: BreachCase,
    secret: SecretRecord | null,
  ): Promise<BreachFacts> {
    if (secret === null)
      return { source, reportedAt, secret, active: null, queued: null, history: [], canRotate: false, canProbe: false };
    const { rotations, findFunction } = this.#parts;
    const rotationFunction = findFunction(secret.rotation?.functionArn ?? '');
    return {
      source,
      reportedAt,
      secret,
      active: await rotations.active(found.secretId),
      queued: await rotations.queued(found.secretId),
      history: await rotations.history(found.secretId),
      canRotate: rotationFunction !== null,
      canProbe: rotationFunction?.probe !== undefined && secret.versions.some(({ labels }) => labels.includes(CURRENT)),
    };
  }

  #inVain(found: BreachCase, sentence: string): BreachCase {
    const pause = VAIN_PAUSES[Math.min(found.vainLooks, VAIN_PAUSES.length - 1)] ?? PERSON_PAUSE;
    return this.#waits({ ...found, vainLooks: found.vainLooks + 1 }, sentence, pause);
  }

  #waits(found: BreachCase, sentence: string, pause: number): BreachCase {
    return { ...found, state: 'at-work', sentence, nextLookAt: this.#parts.clock.now() + pause };
  }

  #asks(found: BreachCase, sentence: string): BreachCase {
    return { ...found, state: 'needs-person', sentence, nextLookAt: this.#parts.clock.now() + PERSON_PAUSE };
  }
}

function withRotation(found: BreachCase, rotationId: string): BreachCase {
  if (found.rotationIds.includes(rotationId)) return found;
  return { ...found, rotationIds: [...found.rotationIds, rotationId] };
}

/** One that waits for long (a target that is down, its overlap) is looked at more seldom. */
function pauseFor({ promotedAt, attempts }: RotationRecord): number {
  return promotedAt === null && attempts === 0 ? SHORT_PAUSE : LONG_PAUSE;
}
