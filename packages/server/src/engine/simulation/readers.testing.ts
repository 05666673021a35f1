import { type Caller, CURRENT, rootPrincipal } from '@rekey/core';
import { deadlineOf } from '../holders/retirement-deadline.ts';
import { findLabelled } from '../versions.ts';
import type { ReaderPlan } from './history.testing.ts';
import type { SimulatedServer } from './server.testing.ts';
import { loginIn } from './target.testing.ts';
import type { World } from './world.testing.ts';

interface Reader {
  readonly plan: ReaderPlan;
  readonly address: string;
  /** When it comes by next; infinite once it is silent. */
  nextAt: number;
  left: number;
  /** What it uses; null before it has read. */
  versionId: string | null;
  /** Whether the target took that when it was last looked at. */
  isIn: boolean;
}

/** Applications beside the servers: each reads what is current now and then, and uses it until it reads again. */
export class Readers {
  readonly #world: World;
  readonly #readers: readonly Reader[];

  constructor(world: World, plans: readonly ReaderPlan[]) {
    this.#world = world;
    this.#readers = plans.map((plan, at) => ({
      plan,
      address: `10.0.0.${at + 1}`,
      nextAt: world.now,
      left: plan.reads,
      versionId: null,
      isIn: false,
    }));
  }

  /** Lets time pass, with everybody who comes by meanwhile. */
  async pass(milliseconds: number): Promise<void> {
    const { time } = this.#world;
    const until = time.now + milliseconds;
    for (let next = this.#next(until); next !== null; next = this.#next(until)) {
      await time.pass(Math.max(0, next.nextAt - time.now));
      await this.#comeBy(next);
    }
    await time.pass(Math.max(0, until - time.now));
  }

  /**
   * Promise 4, to be asked whenever the target changed: whoever is known to use an old value, and still comes by, is not
   * refused before the deadline, and after it only by name.
   */
  check(): void {
    for (const reader of this.#readers) {
      const wasIn = reader.isIn;
      reader.isIn = this.#isAccepted(reader);
      if (wasIn && !reader.isIn && reader.left > 0) this.#refused(reader);
    }
  }

  #next(until: number): Reader | null {
    let first: Reader | null = null;
    for (const reader of this.#readers)
      if (reader.nextAt <= until && (first === null || reader.nextAt < first.nextAt)) first = reader;
    return first;
  }

  /** Where nobody answers it goes on with what it has. */
  async #comeBy(reader: Reader): Promise<void> {
    const world = this.#world;
    reader.left -= world.awake.length > 0 ? 1 : 0;
    reader.nextAt = reader.left > 0 ? world.now + reader.plan.every : Number.POSITIVE_INFINITY;
    if (world.awake.length === 0) return;
    const server = world.random.pick(world.awake);
    await Promise.race([this.#read(reader, server).catch((error) => world.refused(error)), server.effects.stopped]);
  }

  async #read(reader: Reader, { engine, store }: SimulatedServer): Promise<void> {
    const { secretId } = this.#world;
    const secret = await store.get('secret', secretId);
    const current = secret === null ? null : findLabelled(secret.record, CURRENT);
    if (current === null) return;
    const caller = callerAt(reader.address);
    if (reader.plan.acknowledges) {
      const { every } = reader.plan;
      await engine.holders.acknowledged(caller, secretId, { versionId: current.id, instance: 'app', every });
    } else engine.holders.saw(caller, secretId, current.id);
    reader.versionId = current.id;
    reader.isIn = this.#isAccepted(reader);
  }

  #isAccepted({ versionId }: Reader): boolean {
    const text = versionId === null ? null : this.#world.promises.valueOf(versionId);
    if (text === null) return false;
    const { username, password } = loginIn(text);
    return this.#world.target.accepts(username, password);
  }

  #refused(reader: Reader): void {
    const { promises, now } = this.#world;
    if (promises.changedByOthers || promises.restoring || promises.clocksJumped) return;
    const rotation = promises.all().find(({ previousVersionId }) => previousVersionId === reader.versionId);
    if (rotation === undefined || rotation.promotedAt === null || rotation.strategy === 'single-user') return;
    // Who turned up after revoking was begun (with a server that slept, say) was not known when it was decided.
    const wasBegun = rotation.steps.some(({ step, outcome }) => step === 'revoke' && outcome !== 'done');
    if (wasBegun || !this.#isKnown(reader)) return;
    const who = `${reader.address}, who holds the old value of rotation ${rotation.number}`;
    if (now < deadlineOf(rotation)) promises.break(`4: ${who}, was refused before the deadline`);
    else if (!rotation.leftBehind?.some((name) => name.includes(reader.address)))
      promises.break(`4: ${who}, was left behind without a word`);
  }

  /** What was seen in the second before a crash is lost. */
  #isKnown({ address, versionId }: Reader): boolean {
    for (const [, known] of this.#world.disk.all('holder'))
      if (known.address === address && known.versionId === versionId) return true;
    return false;
  }
}

function callerAt(address: string): Caller {
  return {
    principal: rootPrincipal('000000000000'),
    accessKeyId: 'AKIAAPP',
    address,
    secure: true,
    userAgent: null,
    face: 'aws-secretsmanager',
    requestId: 'request',
  };
}
