import { type Caller, RekeyError } from '@rekey/core';
import { type Environments, type FreezeForm, freezeText } from '../engine/order/environments.ts';
import { type FreezeText, parseFreeze } from '../engine/order/freeze.ts';
import type { Freezes } from '../engine/order/freezes.ts';
import type { UseCases } from './use-case.ts';

export interface FreezeParts {
  readonly freezes: Freezes;
  readonly environments: Environments;
  readonly clock: { now(): number };
}

/** A freeze, where it was made, and when it ends if it is in force now. Milliseconds since the epoch. */
export interface ShownFreeze extends FreezeText {
  readonly madeIn: 'configuration' | 'store';
  readonly inForceUntil: number | null;
}

/** Use cases about freezes: ranges of the calendar in which no rotation begins. */
export class FreezeCases {
  readonly #parts: FreezeParts;
  readonly #cases: UseCases;

  constructor(parts: FreezeParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  list(caller: Caller): Promise<readonly ShownFreeze[]> {
    return this.#on(caller, 'rekey:ListFreezes', () => this.#shown());
  }

  /** Makes a freeze, or puts it in the place of the one of its name that was made so. */
  put(caller: Caller, form: FreezeForm): Promise<readonly ShownFreeze[]> {
    return this.#on(caller, 'rekey:PutFreeze', async () => {
      const { freezes, environments } = this.#parts;
      await this.#refuseConfigured(form.name);
      const text = freezeText(form, environments);
      this.#refuseOver(text);
      await freezes.put(text);
      return this.#shown();
    });
  }

  /** Lifts a freeze that was made so. */
  remove(caller: Caller, name: string): Promise<readonly ShownFreeze[]> {
    return this.#on(caller, 'rekey:DeleteFreeze', async () => {
      await this.#refuseConfigured(name);
      if (!(await this.#parts.freezes.remove(name)))
        throw new RekeyError('not-found', `There is no freeze "${name}".`, { reason: 'freeze-not-found' });
      return this.#shown();
    });
  }

  /** It would freeze nothing, in silence; the year was mistyped. */
  #refuseOver(text: FreezeText): void {
    if (!parseFreeze(text).isOver(this.#parts.clock.now())) return;
    throw new RekeyError(
      'invalid-input',
      `The freeze "${text.name}" would be over already, at ${text.until} (${text.timeZone}): give an end to come, or lift the freeze to end it.`,
      { reason: 'freeze-over' },
    );
  }

  async #refuseConfigured(named: string): Promise<void> {
    const listed = await this.#parts.freezes.list();
    if (!listed.some(({ freeze, madeIn }) => madeIn === 'configuration' && freeze.text.name === named)) return;
    throw new RekeyError(
      'invalid-state',
      `The freeze "${named}" is one of rekey.yaml: change it there, and start the servers again.`,
      { reason: 'freeze-configured' },
    );
  }

  async #shown(): Promise<readonly ShownFreeze[]> {
    const now = this.#parts.clock.now();
    const listed = await this.#parts.freezes.list();
    return listed.map(({ freeze, madeIn }) => ({ ...freeze.text, madeIn, inForceUntil: freeze.endAfter(now) }));
  }

  #on<T>(caller: Caller, action: string, perform: () => Promise<T>): Promise<T> {
    return this.#cases.onResource({ caller, action, locate: () => ({ arn: '*' }) }, perform);
  }
}
