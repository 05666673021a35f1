import { createHash } from 'node:crypto';
import {
  type Clock,
  CURRENT,
  type FindRotationFunction,
  PREVIOUS,
  type ProbeResult,
  type RotationFunction,
  type SecretRecord,
} from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { adminNamedIn } from '../admin-named.ts';
import { hasGivenValue } from '../rotation/cause.ts';
import { withDeadline } from '../rotation/deadline.ts';
import { failureOf, sentence } from '../rotation/failure.ts';
import { ENDED, type StepFailure } from '../rotation/rotation-change.ts';
import { findSecretById } from '../secret-lookup.ts';
import { accountsOf, outcomeOf } from '../target/login.ts';
import type { LoginBudget } from '../target/login-budget.ts';
import type { TargetProofs } from '../target/target-proof.ts';
import { findLabelled, findVersion } from '../versions.ts';
import type { QuarantineOutcome, QuarantineRow } from './quarantine-report.ts';
import type { QuarantineWrites } from './quarantine-writes.ts';

export interface QuarantineLookParts {
  readonly store: Store;
  readonly clock: Clock;
  readonly findFunction: FindRotationFunction;
  readonly proofs: TargetProofs;
  readonly writes: QuarantineWrites;
  /** With {@link FURTHER_LOGINS}; a server that stops half-way, and starts over, stays within it too. */
  readonly budget: LoginBudget;
}

/** One login or one change at a target. Milliseconds. */
const CALL_TIME = 30_000;
/** Known values tried. */
const VALUES_TRIED = 3;
/**
 * Logins more than the budget of a rotation has. The lost store may have spent that just before: one is left then, for the
 * likeliest value, below the strictest usual lock-out limit (five).
 */
export const FURTHER_LOGINS = 1;

interface Probed {
  readonly secret: SecretRecord;
  readonly rotationFunction: RotationFunction;
  readonly currentId: string;
  readonly signal: AbortSignal;
}

/** What a look is told of the restore. */
export interface RestoreFacts {
  /** The newest moment the store knew of when it was restored; milliseconds since the epoch. */
  readonly knownUntil: number;
  readonly signal: AbortSignal;
}

/** Looks whether the current value of a restored secret logs in, and mends what can be mended. */
export class QuarantineLook {
  readonly #parts: QuarantineLookParts;
  /** What was refused is not tried again: a look that the budget held back goes on behind it. */
  readonly #refused = new Set<string>();

  constructor(parts: QuarantineLookParts) {
    this.#parts = parts;
  }

  /** Never throws for what a target answers. */
  async look(secret: SecretRecord, { knownUntil, signal }: RestoreFacts): Promise<QuarantineRow> {
    const functionArn = secret.rotation?.functionArn ?? null;
    const rotationFunction = functionArn === null ? null : this.#parts.findFunction(functionArn);
    const currentId = findLabelled(secret, CURRENT)?.id ?? null;
    if (rotationFunction?.probe === undefined || currentId === null)
      return row(secret, 'not-probed', 'Nothing here can look whether its value logs in; try it where it is used.');
    return this.#guarded(secret, () => this.#lookAt({ secret, rotationFunction, currentId, signal }, knownUntil));
  }

  /**
   * Tries the admin credential that the current value of a secret names. Null where it names none that nothing else looks
   * at, or that was looked at before.
   *
   * @param seen ids of admin credentials that need no look; the one looked at is added
   */
  async lookAtAdmin(secret: SecretRecord, seen: Set<string>, signal: AbortSignal): Promise<QuarantineRow | null> {
    const { store, findFunction } = this.#parts;
    const rotationFunction = findFunction(secret.rotation?.functionArn ?? '');
    const current = findLabelled(secret, CURRENT);
    if (rotationFunction?.probe === undefined || current === null) return null;
    const named = adminNamedIn(await store.getValue(secret.id, current.id));
    const admin = named === null ? null : ((await findSecretById(store, named))?.record ?? null);
    const currentId = admin === null ? null : (findLabelled(admin, CURRENT)?.id ?? null);
    if (admin === null || currentId === null || seen.has(admin.id)) return null;
    if (admin.rotation?.functionArn != null) return null;
    seen.add(admin.id);
    return this.#guarded(admin, async () => {
      const { outcome, reason } = await this.#probe({ secret: admin, rotationFunction, currentId, signal }, currentId);
      if (outcome === 'accepted') return row(admin, 'in-sync', 'As an admin credential it logs in.');
      if (outcome !== 'refused') return couldNotLook(admin, reason);
      const text = `${secret.name} names it as its admin credential, and it does not log in: put the one its target accepts.`;
      return row(admin, 'refused', text);
    });
  }

  /** Tries only the repair again: no login with a value that was refused before. */
  async repair(secret: SecretRecord, signal: AbortSignal): Promise<QuarantineRow | null> {
    const rotationFunction = this.#parts.findFunction(secret.rotation?.functionArn ?? '');
    const currentId = findLabelled(secret, CURRENT)?.id ?? null;
    if (rotationFunction === null || currentId === null) return null;
    return this.#guarded(secret, () => this.#repair({ secret, rotationFunction, currentId, signal }));
  }

  async #lookAt(probed: Probed, knownUntil: number): Promise<QuarantineRow> {
    const { secret, currentId } = probed;
    const facts = { currentId, knownUntil, atWork: await this.#versionAtWork(secret) };
    for (const versionId of valuesToTry(secret, facts)) {
      const tried = `${secret.id}/${versionId}`;
      if (this.#refused.has(tried)) continue;
      const { outcome, reason } = await this.#probe(probed, versionId);
      if (outcome === 'accepted') return this.#accepted(probed, versionId);
      if (outcome !== 'refused') return couldNotLook(secret, reason);
      this.#refused.add(tried);
    }
    return this.#repair(probed);
  }

  /** What is accepted is believed once a random password was refused: not before, as each refusal counts. */
  async #accepted(probed: Probed, versionId: string): Promise<QuarantineRow> {
    const { secret, currentId } = probed;
    const blind = await this.#proveTarget(probed);
    if (blind !== null) return row(secret, 'unknown', blind);
    return versionId === currentId
      ? row(secret, 'in-sync', 'Its current value logs in.')
      : this.#promote(secret, versionId);
  }

  /** The version that a rotation was about to promote when the backup was made; null if there is none. */
  async #versionAtWork({ rotation }: SecretRecord): Promise<string | null> {
    const id = rotation?.activeRotationId ?? null;
    const record = id === null ? null : ((await this.#parts.store.get('rotation', id))?.record ?? null);
    if (record === null || ENDED.has(record.state) || hasGivenValue(record)) return null;
    return record.promotedAt === null ? record.versionId : null;
  }

  /** Null if the target is known to refuse a wrong password; else why nothing it says proves anything. */
  async #proveTarget(probed: Probed): Promise<string | null> {
    const { secret, rotationFunction, currentId } = probed;
    const { proofs, clock } = this.#parts;
    if (await proofs.isProven(rotationFunction, secret.arn)) return null;
    const decoy = await this.#login(probed, currentId, (within) => proofs.try(rotationFunction, secret.arn, within));
    if (decoy.outcome === 'accepted')
      return 'Its target accepts any password, so nothing can be learnt by logging in; switch its password check on.';
    if (decoy.outcome !== 'refused') return `Its target could not be looked at: ${decoy.reason}.`;
    await proofs.remember(rotationFunction, secret.arn, clock.now());
    return null;
  }

  /** Counted before it is made; where the budget is spent nothing is learnt, and it is looked at again. */
  #probe(probed: Probed, versionId: string): Promise<ProbeResult> {
    return this.#login(probed, versionId, (signal) => probe(probed, versionId, signal));
  }

  /** A login with a value the target has just taken is made in any case: it ends the row of refusals, and the outage. */
  async #proveSet(probed: Probed, versionId: string): Promise<ProbeResult> {
    const { secret, rotationFunction, signal } = probed;
    const result = await this.#timed(secret, signal, (within) => probe(probed, versionId, within));
    const { own } = await accountsOf(rotationFunction, secret, versionId);
    const { outcome } = result;
    if (own !== null && (outcome === 'accepted' || outcome === 'refused')) await this.#parts.budget.note(own, outcome);
    return result;
  }

  async #login(
    { secret, rotationFunction, signal }: Probed,
    versionId: string,
    login: (signal: AbortSignal) => Promise<ProbeResult>,
  ): Promise<ProbeResult> {
    const { budget } = this.#parts;
    const { own } = await accountsOf(rotationFunction, secret, versionId);
    if (own === null) return this.#timed(secret, signal, login);
    const charged = await budget.charge(own);
    if ('spentUntil' in charged) return { outcome: 'unclear', reason: budget.sentence(charged.spentUntil) };
    const result = await this.#timed(secret, signal, login);
    await budget.settle(charged.charge, outcomeOf(result));
    return result;
  }

  async #promote(secret: SecretRecord, versionId: string): Promise<QuarantineRow> {
    const why = `Version ${versionId} logs in and is what applications hold, rather than the restored current value`;
    await this.#parts.writes.makeCurrent(secret.id, versionId, why);
    return row(secret, 'promoted', `${why}; it is current now.`);
  }

  /** Gives the target a value that is known here, newest first, and makes it current once it logs in. */
  async #repair(probed: Probed): Promise<QuarantineRow> {
    const { secret } = probed;
    let failed = 'No known value of it logs in';
    for (const versionId of await this.#valuesToSet(probed)) {
      const failure = await this.#set(probed, versionId);
      if (failure !== null) {
        failed = `No known value of it logs in, and its target could not be given one. ${sentence(failure)}`;
        continue;
      }
      const set = await this.#proveSet(probed, versionId);
      if (set.outcome === 'accepted') return this.#repaired(secret, versionId);
      // What was taken and is not let in (behind a pooler, say) is looked at again; others would fare no better, and are
      // refused logins that the target counts.
      failed = `Its target took version ${versionId} but does not let it in: ${set.reason}`;
      break;
    }
    return row(secret, 'refused', `${ended(failed)} Put the value its target accepts, then end the quarantine.`);
  }

  /**
   * Null when the target took it. Without the journal the target may have seen numbers that nobody here remembers: once,
   * ours goes above them, as no rotation is at work that could be overtaken.
   */
  async #set({ secret, rotationFunction, signal }: Probed, versionId: string): Promise<StepFailure | null> {
    const event = { Step: 'setSecret' as const, SecretId: secret.arn, ClientRequestToken: versionId };
    let above = 0;
    for (;;) {
      const fence = await this.#parts.writes.raiseNumber(secret.id, above);
      try {
        await this.#timed(secret, signal, (within) => rotationFunction.invoke(event, { fence, signal: within }));
        return null;
      } catch (error) {
        const failure = failureOf(error, 'setSecret');
        if (failure.errorClass === 'unreachable') throw error;
        if (above > 0 || failure.observedFence === null) return failure;
        above = failure.observedFence;
      }
    }
  }

  async #repaired(secret: SecretRecord, versionId: string): Promise<QuarantineRow> {
    const why = `Its target refused every known value and was given version ${versionId}`;
    await this.#parts.writes.makeCurrent(secret.id, versionId, why);
    return row(secret, 'repaired', `${why}; it logs in and is current now.`);
  }

  /** The newest value the journal knew, the restored current one, the one before. */
  async #valuesToSet({ secret, currentId }: Probed): Promise<readonly string[]> {
    const [newer] = newerThanCurrent(secret, currentId);
    const copy = copyIdOf(currentId);
    if (findVersion(secret, copy) === null) await this.#parts.writes.copyVersion(secret.id, currentId, copy);
    const previous = findLabelled(secret, PREVIOUS)?.id;
    return [newer, copy, previous].filter((id) => id !== undefined);
  }

  #timed<T>(secret: SecretRecord, signal: AbortSignal, call: (signal: AbortSignal) => Promise<T>): Promise<T> {
    return withDeadline(
      this.#parts.clock,
      { milliseconds: CALL_TIME, signal, what: `Looking at ${secret.name}` },
      call,
    );
  }

  async #guarded(secret: SecretRecord, work: () => Promise<QuarantineRow>): Promise<QuarantineRow> {
    try {
      return await work();
    } catch (error) {
      return row(secret, 'unknown', sentence(failureOf(error, `Looking at ${secret.name}`)));
    }
  }
}

function probe({ secret, rotationFunction }: Probed, versionId: string, signal: AbortSignal): Promise<ProbeResult> {
  const unclear: ProbeResult = { outcome: 'unclear', reason: 'its rotation function cannot look' };
  return rotationFunction.probe?.(secret.arn, versionId, { signal }) ?? Promise.resolve(unclear);
}

/** A rotation function sets only what is not current: the current value goes to the target as a copy. */
function copyIdOf(versionId: string): string {
  return createHash('sha256').update(`copy of ${versionId}`).digest('hex').slice(0, 32);
}

interface ValueFacts {
  readonly currentId: string;
  readonly knownUntil: number;
  readonly atWork: string | null;
}

/**
 * What is tried, in this order: what the backup had not seen promoted (the journal's later values, newest first, and
 * the one of a rotation at work); the restored current value; what else is known. During an overlap the target accepts
 * an old value beside the new one, so that a restored value that logs in may be out of date all the same. The newest
 * may never have reached its target, if the server was lost just then: the one before is what applications hold.
 */
function valuesToTry(secret: SecretRecord, { currentId, knownUntil, atWork }: ValueFacts): readonly string[] {
  const previous = findLabelled(secret, PREVIOUS)?.id;
  const newer = newerThanCurrent(secret, currentId, atWork);
  const isUnseen = (id: string) => id === atWork || (findVersion(secret, id)?.createdAt ?? 0) > knownUntil;
  const unseen = newer.filter(isUnseen).slice(0, VALUES_TRIED - 1);
  const others = newer.filter((id) => !isUnseen(id));
  return [...unseen, currentId, ...others, ...(previous === undefined ? [] : [previous])].slice(0, VALUES_TRIED);
}

/**
 * Versions with a value that were made after the current one, newest first: the journal's, and a pending one. What a
 * rotation is at is newer, also where a clock was set back meanwhile.
 */
function newerThanCurrent(secret: SecretRecord, currentId: string, atWork: string | null = null): readonly string[] {
  const since = findVersion(secret, currentId)?.createdAt ?? 0;
  const known = new Set([currentId, copyIdOf(currentId), findLabelled(secret, PREVIOUS)?.id]);
  return secret.versions
    .filter(({ id, createdAt, hasValue }) => hasValue && !known.has(id) && (createdAt >= since || id === atWork))
    .reverse()
    .sort((a, b) => b.createdAt - a.createdAt)
    .map(({ id }) => id);
}

function row(secret: SecretRecord, outcome: QuarantineOutcome, text: string): QuarantineRow {
  return { secretId: secret.id, name: secret.name, outcome, sentence: text };
}

function couldNotLook(secret: SecretRecord, reason: string): QuarantineRow {
  return row(secret, 'unknown', `${ended(`It could not be looked at: ${reason}`)} It is tried again.`);
}

function ended(text: string): string {
  return /[.!?]$/.test(text) ? text : `${text}.`;
}
