import {
  CURRENT,
  type FindRotationFunction,
  type FunctionStep,
  type RotationFunction,
  type RotationRecord,
  type RotationStep,
  type SecretRecord,
  type StepReport,
} from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { crossing } from '../boundary.ts';
import { type Hold, heldPhase } from '../order/hold.ts';
import { withDeadlineAfter } from '../order/postponement.ts';
import { admit, type HeldBack, probeWithinBudget } from '../target/login.ts';
import { fillVersion, findLabelled, findVersion } from '../versions.ts';
import { hasGivenValue, isTemporary } from './cause.ts';
import { resolved } from './doubt.ts';
import { lookInto } from './doubt-resolver.ts';
import { afterFailure, failure, mayRaiseNumber, sentence } from './failure.ts';
import type { HeldSecret } from './held-secrets.ts';
import { emptyVersion } from './pending-version.ts';
import { promotion, valueWrite } from './promotion.ts';
import { type Retired, retire, settle } from './retirement.ts';
import { lookAtRetirement } from './retirement-facts.ts';
import { type Abilities, type Decision, type Doubt, next } from './rotation.ts';
import {
  blocked,
  ENDED,
  ended,
  inState,
  inSwitchWindow,
  intending,
  interrupted,
  type StepFailure,
  stepDone,
  stepFailed,
  waiting,
} from './rotation-change.ts';
import { ending, successorOf } from './rotation-end.ts';
import { ask, isCurrentChanged, type RunnerParts, type Work } from './work.ts';

/** Moves in one go. A rotation takes some ten; one that takes more goes in circles and is left for its next turn. */
const MOST_MOVES = 40;

const FUNCTION_STEPS: Readonly<Record<'create' | 'set' | 'test' | 'finish', FunctionStep>> = {
  create: 'createSecret',
  set: 'setSecret',
  test: 'testSecret',
  finish: 'finishSecret',
};

/** The record as it was just written; null: read it again. */
type Written = Entry<RotationRecord> | null;

/** Carries rotations on, one durable step at a time: record what is meant, do it, record what came of it. */
export class Runner {
  readonly #parts: RunnerParts;
  readonly #findFunction: FindRotationFunction;

  constructor(parts: RunnerParts, findFunction: FindRotationFunction) {
    this.#parts = parts;
    this.#findFunction = findFunction;
  }

  /**
   * Goes on with a rotation until it waits, ends, or `letGo` says so at a point where nothing is left in between.
   *
   * @returns when to come back; null if it ended or needs a person
   * @throws RekeyError for trouble on our side: the record says what is durable, come back later
   */
  async run(held: HeldSecret, rotationId: string, letGo: () => boolean): Promise<number | null> {
    let latest: Entry<RotationRecord> | null = null;
    for (let moves = 0; moves < MOST_MOVES; moves += 1) {
      const entry: Entry<RotationRecord> | null = latest ?? (await this.#read(held, rotationId, moves === 0));
      if (entry === null) return null;
      const { record } = entry;
      const rotationFunction = this.#findFunction(record.functionArn);
      const secret = (await this.#parts.store.get('secret', record.secretId))?.record ?? null;
      const decision = await this.#decide(held, entry, secret, rotationFunction);
      if (decision.do === 'stop') return null;
      if (decision.do === 'wait') return this.#wait(entry, decision, held);
      if (letGo() && !inSwitchWindow(record)) return this.#parts.clock.now();
      if (secret === null || rotationFunction === null) latest = await this.#stop(entry, secret, decision, held);
      else
        latest = await this.#perform(
          { parts: this.#parts, held, rotationFunction, secret, entry },
          decision,
          moves > 0,
        );
    }
    return this.#parts.clock.now();
  }

  async #read(held: HeldSecret, rotationId: string, first: boolean): Promise<Entry<RotationRecord> | null> {
    const entry = await this.#parts.store.get('rotation', rotationId);
    if (entry === null) return null;
    held.record = entry.record;
    return first ? { ...entry, record: interrupted(entry.record, this.#parts.clock.now()) } : entry;
  }

  async #decide(
    held: HeldSecret,
    entry: Entry<RotationRecord>,
    secret: SecretRecord | null,
    rotationFunction: RotationFunction | null,
  ): Promise<Decision> {
    const { record } = entry;
    const ahead = secret === null ? null : await this.#ahead(record, secret);
    const hold = secret === null ? null : await this.#holdOf(record, secret);
    const facts = { now: this.#parts.clock.now(), secret, ahead, hold };
    if (rotationFunction !== null && secret !== null) {
      const abilities = abilitiesOf(rotationFunction);
      const targetProven = record.state !== 'due' || (await this.#isProven(rotationFunction, secret));
      const retirement = await lookAtRetirement({ parts: this.#parts, held, rotationFunction, secret, entry });
      return next(record, { ...facts, abilities, targetProven, retirement });
    }
    const decision = next(record, { ...facts, abilities: NO_ABILITIES, targetProven: true });
    if (decision.do === 'stop' || decision.do === 'wait' || decision.do === 'end') return decision;
    const why = `There is no rotation function ${record.functionArn}: install or name another, then rotate again.`;
    return { do: 'block', why };
  }

  async #holdOf(record: RotationRecord, secret: SecretRecord): Promise<Hold | null> {
    const question = { now: this.#parts.clock.now(), rotation: record };
    const phase = heldPhase(record);
    if (phase === null) return null;
    return phase === 'begin'
      ? this.#parts.holds.onBegin(secret, question)
      : this.#parts.holds.onRetirement(secret, question);
  }

  async #ahead(record: RotationRecord, { rotation }: SecretRecord): Promise<RotationRecord | null> {
    const activeId = rotation?.activeRotationId ?? null;
    if (activeId === null || activeId === record.id) return null;
    const active = (await this.#parts.store.get('rotation', activeId))?.record ?? null;
    return active === null || ENDED.has(active.state) ? null : active;
  }

  /** A target that cannot be told (a malformed value, say) is not proven: proving it says what is wrong. */
  async #isProven(rotationFunction: RotationFunction, secret: SecretRecord): Promise<boolean> {
    if (findLabelled(secret, CURRENT) === null) return true;
    return this.#parts.proofs.isProven(rotationFunction, secret.arn).catch(() => false);
  }

  async #wait(entry: Entry<RotationRecord>, decision: Decision & { do: 'wait' }, held: HeldSecret): Promise<number> {
    const { nextAttemptAt, waitingFor, promotedAt } = entry.record;
    const { until, why, openSessions, heldBy = null } = decision;
    if (nextAttemptAt === until && waitingFor === why) return until;
    const seen = openSessions === undefined ? entry.record : { ...entry.record, openSessions };
    const record = waiting(seen, until, why, heldBy);
    const covers = heldBy === 'freeze' && promotedAt === null;
    const join = (secret: SecretRecord) => ({
      record,
      secret: withDeadlineAfter(secret, until, this.#parts.clock.now()),
    });
    if (covers) await this.#parts.journal.writeWithSecret('wait', entry, join, held);
    else await this.#parts.journal.write('wait', entry, record, held);
    return until;
  }

  /** What can be done without a function or a secret. */
  async #stop(
    entry: Entry<RotationRecord>,
    secret: SecretRecord | null,
    decision: Decision,
    held: HeldSecret,
  ): Promise<Written> {
    if (decision.do === 'end')
      return this.#end(entry, secret, endedBy(entry.record, decision, this.#parts.clock.now()), held);
    return this.#block(entry, secret, decision.do === 'block' ? decision.why : 'The rotation cannot go on.', held);
  }

  /** What was asked for a value that is there waits for nobody, unless applications are locked out: it ends. */
  #block(entry: Entry<RotationRecord>, secret: SecretRecord | null, why: string, held: HeldSecret): Promise<Written> {
    const { journal, clock } = this.#parts;
    if (!mayEnd(entry.record)) return journal.write('block', entry, blocked(entry.record, why), held);
    return this.#end(entry, secret, ended(entry.record, 'rolled-back', clock.now(), why), held);
  }

  async #perform(work: Work, decision: Decision, underway: boolean): Promise<Written> {
    const { entry, held, parts, secret } = work;
    const now = parts.clock.now();
    switch (decision.do) {
      case 'step':
        return this.#step(work, decision.step, underway);
      case 'prove-target':
        return this.#proveTarget(work);
      case 'copy-current':
        return this.#copyCurrent(work);
      case 'rebase':
        return parts.journal.write(
          'recovery',
          entry,
          { ...entry.record, previousVersionId: decision.currentVersionId },
          held,
        );
      case 'advance': {
        const report: StepReport = { findings: [], strategy: null };
        return parts.journal.write(
          'recovery',
          entry,
          stepDone(entry.record, decision.to, report, now, decision.why),
          held,
        );
      }
      case 'resolve':
        return this.#resolve(work, decision.doubt);
      case 'accept-promotion':
        return parts.journal.writeWithSecret(
          'promotion',
          entry,
          (latest) => promotion(entry.record, latest, now),
          held,
        );
      case 'leave-behind':
        return parts.journal.write('wait', entry, { ...entry.record, leftBehind: decision.holders }, held);
      case 'settle':
        return this.#retired(work, await settle(work), 'settlement');
      case 'end':
        return this.#end(entry, secret, endedBy(entry.record, decision, now), held);
      case 'block':
        return this.#block(entry, secret, decision.why, held);
      case 'wait':
      case 'stop':
        return null;
    }
  }

  async #step(work: Work, step: RotationStep, underway: boolean): Promise<Written> {
    const { entry, held, parts } = work;
    const admission = await admit(work, step);
    if ('heldBackUntil' in admission) return this.#holdBack(work, admission);
    const alreadyMeant = underway && entry.record.doing?.step === step;
    const intention = intending(entry.record, step, parts.clock.now());
    const intended = alreadyMeant ? entry : await parts.journal.write(`${step}-intent`, entry, intention, held);
    const at = { ...work, entry: intended };
    if (step === 'revoke') return this.#retired(at, await retire(at, intended, admission), 'revoke-outcome');
    const invoked = await this.#invoke(at, step);
    await admission.settle(invoked);
    if (step === 'finish') return this.#finished(at, 'failure' in invoked ? invoked.failure : null);
    if ('failure' in invoked) return this.#failed(at, step, invoked.failure);
    if (step === 'create' && !(await this.#hasValue(at)))
      return this.#failed(at, step, failure('bug', `${work.rotationFunction.name} made no value`));
    return parts.journal.write(
      `${step}-outcome`,
      intended,
      afterStep(intended.record, step, invoked.answer, parts.clock.now()),
      held,
    );
  }

  #invoke(work: Work, step: 'create' | 'set' | 'test' | 'finish') {
    const { entry, rotationFunction, secret } = work;
    const { versionId, number } = entry.record;
    const event = { Step: FUNCTION_STEPS[step], SecretId: secret.arn, ClientRequestToken: versionId };
    return ask(work, event.Step, (signal) => rotationFunction.invoke(event, { fence: number, signal }));
  }

  async #hasValue({ parts, entry }: Work): Promise<boolean> {
    const secret = await parts.store.get('secret', entry.record.secretId);
    return secret !== null && (findVersion(secret.record, entry.record.versionId)?.hasValue ?? false);
  }

  /** The budget of logins is spent. A test that was only meant is not one that was cut short. */
  #holdBack({ entry, held, parts }: Work, { heldBackUntil }: HeldBack): Promise<Written> {
    const { doing } = entry.record;
    const record = { ...entry.record, doing: doing?.step === 'test' ? null : doing };
    const waits = waiting(record, heldBackUntil, parts.budget.sentence(heldBackUntil));
    return parts.journal.write('wait', entry, waits, held);
  }

  /** Whatever the function says of it: the record tells whether labels have moved, as they move together. */
  async #finished(work: Work, failed: StepFailure | null): Promise<Written> {
    const latest = await this.#parts.store.get('rotation', work.entry.id);
    if (latest === null || latest.record.promotedAt !== null || isCurrentChanged(work.held.trouble)) return latest;
    const said = failed ?? failure('bug', `${work.rotationFunction.name} did not move current to the new version`);
    return this.#failed({ ...work, entry: latest }, 'finish', said);
  }

  async #failed(work: Work, step: RotationStep, failed: StepFailure): Promise<Written> {
    const { entry, held, parts, rotationFunction } = work;
    const now = parts.clock.now();
    if (entry.record.cause === 'adopt') {
      const over = ended(stepFailed(entry.record, failed, now), 'rolled-back', now, sentence(failed));
      return this.#end(entry, work.secret, over, held);
    }
    if (mayRaiseNumber(entry.record, step, failed)) return this.#raiseNumber(work, failed);
    const canProbe = rotationFunction.probe !== undefined;
    const after = afterFailure(entry.record, step, failed, { now, canProbe });
    if (after.state === 'blocked' && mayEnd(after))
      return this.#end(entry, work.secret, ended(after, 'rolled-back', now, after.waitingFor), held);
    return parts.journal.write('failure', entry, after, held);
  }

  /** A store restored from a backup numbers from yesterday; the target remembers today's. Under the claim, ours goes above. */
  #raiseNumber({ entry, held, parts }: Work, failed: StepFailure): Promise<Written> {
    const now = parts.clock.now();
    return parts.journal.writeWithSecret(
      'higher-number',
      entry,
      (secret) => {
        const number = Math.max(secret.rotation?.number ?? 0, failed.observedFence ?? 0) + 1;
        const tried = stepFailed(entry.record, failed, now);
        return { secret: numbered(secret, number), record: waiting({ ...tried, number }, now, sentence(failed)) };
      },
      held,
    );
  }

  async #retired(work: Work, retired: Retired, point: 'settlement' | 'revoke-outcome'): Promise<Written> {
    const { entry, held, parts, secret } = work;
    if ('heldBackUntil' in retired) return this.#holdBack(work, retired);
    if ('failure' in retired) return this.#failed(work, 'revoke', retired.failure);
    if (retired.record.state === 'done') return this.#end(entry, secret, retired.record, held);
    return parts.journal.write(point, entry, retired.record, held);
  }

  async #resolve(work: Work, doubt: Doubt): Promise<Written> {
    const { entry, held, parts } = work;
    const found = await lookInto(work);
    if ('heldBackUntil' in found) return this.#holdBack(work, found);
    const after = resolved(entry.record, doubt, found, parts.clock.now());
    return after === null ? this.#discardValue(work) : parts.journal.write('recovery', entry, after, held);
  }

  /** A higher number goes with it, so that nobody who was paused can still set the value that is given up. */
  #discardValue({ entry, held, parts }: Work): Promise<Written> {
    const now = parts.clock.now();
    const { record } = entry;
    return parts.journal.writeWithSecret(
      'fresh-value',
      entry,
      (secret) => {
        const number = (secret.rotation?.number ?? record.number) + 1;
        return {
          secret: numbered(emptyVersion(secret, record.versionId, now), number),
          record: { ...inState(record, 'due', now), number, setStartedAt: null },
          writes: [valueWrite(secret.id, record.versionId)],
        };
      },
      held,
    );
  }

  async #proveTarget(work: Work): Promise<Written> {
    const { entry, held, parts, rotationFunction, secret } = work;
    const versionId = findLabelled(secret, CURRENT)?.id ?? entry.record.versionId;
    const tried = await probeWithinBudget(work, { what: 'probeDecoy', versionId }, (signal) =>
      parts.proofs.try(rotationFunction, secret.arn, signal),
    );
    if ('heldBackUntil' in tried) return this.#holdBack(work, tried);
    if ('failure' in tried) return this.#failed(work, 'create', tried.failure);
    const { outcome, reason } = tried.answer;
    if (outcome === 'refused') return this.#provenBy(work);
    if (outcome === 'accepted') {
      const why = `The target does not check passwords (${reason}): a random one was accepted, so that no login proves anything. Make it check them, then rotate again.`;
      return this.#block(entry, secret, why, held);
    }
    return this.#failed(
      work,
      'create',
      failure('unreachable', `Could not look whether the target checks passwords (${outcome}: ${reason})`),
    );
  }

  async #provenBy(work: Work): Promise<Written> {
    const { parts, rotationFunction, secret } = work;
    const remembered = await ask(work, 'target', () =>
      crossing(parts.boundary, 'target-proof', () =>
        parts.proofs.remember(rotationFunction, secret.arn, parts.clock.now()),
      ),
    );
    return 'failure' in remembered ? this.#failed(work, 'create', remembered.failure) : null;
  }

  /** A verification or repair is about what is current now, not what was when somebody asked. */
  async #copyCurrent(work: Work): Promise<Written> {
    const { entry, held, parts } = work;
    const { secretId, versionId, previousVersionId } = entry.record;
    const value = previousVersionId === null ? null : await parts.store.getValue(secretId, previousVersionId);
    if (value === null)
      return this.#failed(work, 'test', failure('rejected-form', 'The secret has no current value to test'));
    const now = parts.clock.now();
    return parts.journal.writeWithSecret(
      'value',
      entry,
      (secret) => ({
        secret: fillVersion(secret, versionId, [], now),
        record: inState(entry.record, entry.record.cause === 'adopt' ? 'set' : 'created', now),
        writes: [{ collection: 'value', id: `${secretId}/${versionId}`, record: value }],
      }),
      held,
    );
  }

  async #end(
    entry: Entry<RotationRecord>,
    secret: SecretRecord | null,
    record: RotationRecord,
    held: HeldSecret,
  ): Promise<Written> {
    const { journal, store, clock } = this.#parts;
    if (secret === null) return journal.write('end', entry, record, held);
    return journal.writeWithSecret(
      'end',
      entry,
      async (latest) => {
        const successor = successorOf(latest, entry.id);
        const queued = successor === null ? null : await store.get('rotation', successor);
        return ending(record, latest, queued, clock.now());
      },
      held,
    );
  }
}

const NO_ABILITIES: Abilities = { probe: false, probeDecoy: false, revoke: false };

function abilitiesOf({ probe, probeDecoy, revoke }: RotationFunction): Abilities {
  return { probe: probe !== undefined, probeDecoy: probeDecoy !== undefined, revoke: revoke !== undefined };
}

/** Set, test and finish follow each other without a pause: the intention to go on is recorded with the outcome. */
function afterStep(
  record: RotationRecord,
  step: 'create' | 'set' | 'test',
  report: StepReport,
  now: number,
): RotationRecord {
  if (step === 'create') return stepDone(record, 'created', report, now);
  if (step === 'set') return intending(stepDone(record, 'set', report, now), 'test', now);
  const tested = stepDone(record, 'tested', report, now);
  return isTemporary(record) ? tested : intending(tested, 'finish', now);
}

/** A rotation of a value that was there before may be given up where *current* is accepted without it. */
function mayEnd(record: RotationRecord): boolean {
  return hasGivenValue(record) && record.promotedAt === null && !inSwitchWindow(record);
}

function endedBy(record: RotationRecord, { state, why }: Decision & { do: 'end' }, now: number): RotationRecord {
  return ended(record, state, now, why);
}

function numbered(secret: SecretRecord, number: number): SecretRecord {
  return secret.rotation === null ? secret : { ...secret, rotation: { ...secret.rotation, number } };
}
