import {
  CURRENT,
  type FindRotationFunction,
  PENDING,
  PREVIOUS,
  RekeyError,
  type RotationRecord,
  type SecretRecord,
} from '@rekey/core';
import type { Claim } from '../../store/driver.ts';
import type { Entry, StoreWrite } from '../../store/store.ts';
import { commitAudited } from '../audited-commit.ts';
import { type Candidate, type Evidence, weigh } from '../rotation/evidence.ts';
import { claimKey } from '../rotation/held-secrets.ts';
import { dropPending } from '../rotation/pending-version.ts';
import { valueWrite } from '../rotation/promotion.ts';
import { ended } from '../rotation/rotation-change.ts';
import { ending, successorOf } from '../rotation/rotation-end.ts';
import type { JournalParts } from '../rotation/rotation-journal.ts';
import type { Rotations } from '../rotation/rotations.ts';
import { LOOK_TIME, type TargetLook } from '../target/target-look.ts';
import { detachLabel, findLabelled, findVersion } from '../versions.ts';
import { OUTCOMES, type Outcome, unsticking } from './unstick-decision.ts';

export interface UnstickParts extends JournalParts {
  readonly rotations: Rotations;
  readonly look: TargetLook;
  readonly findFunction: FindRotationFunction;
  /** Unique to this process. */
  readonly holder: string;
}

/** What was found about a leftover pending version, and what was done. */
export interface Unstuck {
  readonly outcome: 'nothing-pending' | 'promoting' | 'dropped' | 'left';
  /** What was seen, and what to do if anything is left to do. */
  readonly sentence: string;
  /** The version concerned; null if none is pending. */
  readonly versionId: string | null;
  /** What logins said of each value that was tried. */
  readonly seen: Evidence;
  /** The rotation that goes on with it; null if none does. */
  readonly rotation: RotationRecord | null;
}

/** Longer than three logins take with each of them timing out. Milliseconds. */
const CLAIM_TIME = 4 * LOOK_TIME;

/**
 * Says what a leftover pending version is about, from what its target accepts, and resolves it. Works under the claim
 * of the secret's rotations, so that what it saw is still so when it acts.
 */
export class Unstick {
  readonly #parts: UnstickParts;

  constructor(parts: UnstickParts) {
    this.#parts = parts;
  }

  /** @throws RekeyError `not-found`; `conflict` (reason `secret-in-use`) while a server works on the secret */
  async unstick(secretId: string, askedBy: string): Promise<Unstuck> {
    const found = await this.#underClaim(secretId, (claim) => this.#resolve(secretId, claim));
    if (found.outcome !== 'promoting' || found.versionId === null) return found;
    const request = { versionId: found.versionId, cause: 'manual', askedBy } as const;
    return { ...found, rotation: await this.#parts.rotations.begin(secretId, request) };
  }

  async #resolve(secretId: string, claim: Claim): Promise<Unstuck> {
    const { store, rotations } = this.#parts;
    const secret = await this.#secret(secretId);
    const active = await rotations.active(secretId);
    const queued = await rotations.queued(secretId);
    const decided = unsticking(secret.record, { active, queued });
    const found = { versionId: 'versionId' in decided ? decided.versionId : null, seen: {}, rotation: null };
    if (decided.do === 'nothing') return { ...found, outcome: 'nothing-pending', sentence: decided.sentence };
    const owner = active?.versionId === decided.versionId ? await store.get('rotation', active.id) : null;
    if (decided.do === 'resume') {
      const rotation = await rotations.reattempt(secretId);
      return {
        ...found,
        rotation,
        outcome: 'left',
        sentence: 'It is tried again with the value that was there before.',
      };
    }
    if (decided.do === 'drop') {
      await this.#drop(secret, decided.versionId, owner, claim);
      return { ...found, outcome: 'dropped', sentence: 'The pending version had no value yet: it was removed.' };
    }
    return this.#byLooking(secret, decided.versionId, owner, claim);
  }

  async #byLooking(
    secret: Entry<SecretRecord>,
    versionId: string,
    owner: Entry<RotationRecord> | null,
    claim: Claim,
  ): Promise<Unstuck> {
    const { outcome, seen, reason } = await this.#look(secret.record, versionId);
    const said = outcome.do === 'leave' && reason !== '' ? `${outcome.sentence} (${reason})` : outcome.sentence;
    const found = { versionId, seen, sentence: said, rotation: null };
    if (outcome.do === 'promote') return { ...found, outcome: 'promoting' };
    if (outcome.do === 'leave') return { ...found, outcome: 'left' };
    await this.#drop(secret, versionId, owner, claim);
    return { ...found, outcome: 'dropped' };
  }

  async #look(
    secret: SecretRecord,
    pendingId: string,
  ): Promise<{ readonly outcome: Outcome; readonly seen: Evidence; readonly reason: string }> {
    const functionArn = secret.rotation?.functionArn ?? null;
    const rotationFunction = functionArn === null ? null : this.#parts.findFunction(functionArn);
    if (rotationFunction === null)
      return { outcome: OUTCOMES['could-not-look'], seen: {}, reason: 'no rotation function is configured' };
    let seen: Evidence = {};
    let reason = '';
    for (;;) {
      const weighed = weigh(seen);
      if ('verdict' in weighed) return { outcome: OUTCOMES[weighed.verdict], seen, reason };
      const versionId = versionOf(secret, weighed.tryNext, pendingId);
      const looked =
        versionId === null
          ? { outcome: 'absent' as const, reason: '' }
          : await this.#parts.look.look(rotationFunction, secret, versionId);
      reason = looked.reason;
      seen = { ...seen, [weighed.tryNext]: looked.outcome };
    }
  }

  /** The label goes, and with it the blocked rotation that would go on with the version; a value is kept. */
  async #drop(
    secret: Entry<SecretRecord>,
    versionId: string,
    owner: Entry<RotationRecord> | null,
    claim: Claim,
  ): Promise<void> {
    const now = this.#parts.clock.now();
    const hasValue = findVersion(secret.record, versionId)?.hasValue ?? false;
    const left = hasValue ? detachLabel(secret.record, PENDING, now) : dropPending(secret.record, versionId, now);
    const gone: StoreWrite[] = hasValue ? [] : [valueWrite(secret.id, versionId)];
    if (owner === null)
      return commitAudited(this.#parts, 'cancel', {
        secret: { ...secret, record: left },
        changes: [],
        further: gone,
        claim,
      });
    const after = ended(owner.record, 'abandoned', now, 'Its target refuses the value it made; it was given up.');
    const successor = successorOf(left, owner.id);
    const queued = successor === null ? null : await this.#parts.store.get('rotation', successor);
    const end = ending(after, left, queued, now);
    const { id, revision, record: before } = owner;
    await commitAudited(this.#parts, 'cancel', {
      secret: { ...secret, record: end.secret },
      changes: [{ before, after, id, revision }],
      further: [...(end.writes ?? []), ...gone],
      claim,
    });
  }

  async #secret(secretId: string): Promise<Entry<SecretRecord>> {
    const secret = await this.#parts.store.get('secret', secretId);
    if (secret === null) throw new RekeyError('not-found', 'There is no such secret.');
    return secret;
  }

  /** The holder is another than the worker's, which would be let in under its own name. */
  async #underClaim<T>(secretId: string, work: (claim: Claim) => Promise<T>): Promise<T> {
    const { store, clock, holder } = this.#parts;
    const request = {
      key: claimKey(secretId),
      holder: `${holder} (unstick)`,
      now: clock.now(),
      milliseconds: CLAIM_TIME,
    };
    const claim = await store.claim(request);
    if (claim === null)
      throw new RekeyError('conflict', 'A server works on this secret right now: ask again in a moment.', {
        reason: 'secret-in-use',
      });
    try {
      return await work(claim);
    } finally {
      await store.release(claim);
    }
  }
}

function versionOf(secret: SecretRecord, candidate: Candidate, pendingId: string): string | null {
  if (candidate === 'pending') return pendingId;
  const labelled = findLabelled(secret, candidate === 'current' ? CURRENT : PREVIOUS)?.id ?? null;
  return labelled === pendingId ? null : labelled;
}
