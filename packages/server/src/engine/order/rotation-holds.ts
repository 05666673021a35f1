import type { SecretRecord } from '@rekey/core';
import type { Frozen } from './freeze.ts';
import type { Freezes } from './freezes.ts';
import { type Hold, type HoldQuestion, type Holds, mayBeHeld } from './hold.ts';

/** What holds rotations of this house back: freezes. */
export class RotationHolds implements Holds {
  readonly #freezes: Freezes;

  constructor(freezes: Freezes) {
    this.#freezes = freezes;
  }

  async onBegin(secret: SecretRecord, { now, rotation }: HoldQuestion): Promise<Hold | null> {
    if (!mayBeHeld(rotation) || rotation.override?.freeze !== undefined) return null;
    const frozen = await this.#freezes.frozen(secret, now);
    return frozen && held(frozen, 'nothing of it is rotated');
  }

  /** What nobody watches does not die: who is left behind by the end of an old value is found by its refusals. */
  async onRetirement(secret: SecretRecord, { now, rotation }: HoldQuestion): Promise<Hold | null> {
    if (rotation.override?.freeze !== undefined) return null;
    const frozen = await this.#freezes.frozen(secret, now);
    return frozen && held(frozen, 'its old value stays valid');
  }
}

function held({ name, until }: Frozen, what: string): Hold {
  return { by: 'freeze', until, sentence: `Frozen by "${name}": ${what} until ${new Date(until).toISOString()}.` };
}
