import type { FindRotationFunction, RotationRecord, SecretRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { tellTrouble, withDeadlineAfter } from '../order/postponement.ts';
import { giveBackPrepaid } from '../target/prepaid-login.ts';
import { decide } from './decide.ts';
import type { Decision } from './decision.ts';
import type { HeldSecret } from './held-secrets.ts';
import { withoutLeftover } from './leftover.ts';
import { recordNow } from './outcome-ahead.ts';
import { perform } from './perform.ts';
import type { Written } from './rotating.ts';
import { inSwitchWindow, interrupted, takenUpBy, waiting } from './rotation-change.ts';
import { block, end, endedBy } from './stop.ts';
import type { RunnerParts } from './work.ts';

/** Moves in one go. A rotation takes some ten; one that takes more goes in circles and is left for its next turn. */
const MOST_MOVES = 40;

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
    try {
      return await this.#move(held, rotationId, letGo);
    } finally {
      await giveBackPrepaid(this.#parts.budget, held);
    }
  }

  async #move(held: HeldSecret, rotationId: string, letGo: () => boolean): Promise<number | null> {
    const { giveWay } = this.#parts;
    let latest: Written = null;
    for (let moves = 0; moves < MOST_MOVES; moves += 1) {
      if (giveWay !== undefined) await giveWay();
      const read: Written = latest ?? (await this.#read(held, rotationId, moves === 0));
      if (read === null) return null;
      const { record } = read;
      const rotationFunction = this.#findFunction(record.functionArn);
      const secret = (await this.#parts.store.get('secret', record.secretId))?.record ?? null;
      const decision = await decide(this.#parts, held, read, secret, rotationFunction);
      if (read.ahead !== undefined && (decision.do !== 'step' || letGo())) {
        latest = await recordNow(this.#parts.journal, read, held);
        continue;
      }
      if (decision.do === 'stop') return null;
      const { recovery } = decision;
      const entry = recovery === undefined ? read : { ...read, record: takenUpBy(record, recovery) };
      if (decision.do === 'wait') return this.#wait(entry, decision, held);
      if (letGo() && !inSwitchWindow(record)) return this.#parts.clock.now();
      if (secret === null || rotationFunction === null) latest = await this.#stop(entry, secret, decision, held);
      else latest = await perform({ parts: this.#parts, held, rotationFunction, secret, entry }, decision, moves > 0);
    }
    return this.#parts.clock.now();
  }

  async #read(held: HeldSecret, rotationId: string, first: boolean): Promise<Entry<RotationRecord> | null> {
    const entry = await this.#parts.store.get('rotation', rotationId);
    if (entry === null) return null;
    held.record = entry.record;
    return first ? { ...entry, record: interrupted(entry.record, this.#parts.clock.now()) } : entry;
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
    const { secretId: id, secretName: name } = record;
    await tellTrouble(this.#parts.alerts, { id, name }, { sentence: why, trouble: decision.trouble ?? false });
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
      return end(this.#parts, entry, secret, endedBy(entry.record, decision, this.#parts.clock.now()), held);
    if (decision.do === 'forget-leftover')
      return this.#parts.journal.write('end', entry, withoutLeftover(entry.record), held);
    return block(
      this.#parts,
      entry,
      secret,
      decision.do === 'block' ? decision.why : 'The rotation cannot go on.',
      held,
    );
  }
}
