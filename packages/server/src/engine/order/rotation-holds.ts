import type { SecretRecord } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import { heldForHolders } from './adoption-watch.ts';
import type { Frozen } from './freeze.ts';
import type { Freezes } from './freezes.ts';
import { Gates } from './gates.ts';
import { type Hold, type HoldQuestion, type Holds, mayBeHeld } from './hold.ts';

/** What holds rotations of this house back: freezes, gates, and holders of an adopted secret that are not known yet. */
export class RotationHolds implements Holds {
  readonly #freezes: Freezes;
  readonly #gates: Gates;
  readonly #store: Store;

  constructor(store: Store, freezes: Freezes) {
    this.#freezes = freezes;
    this.#gates = new Gates(store);
    this.#store = store;
  }

  async onBegin(secret: SecretRecord, question: HoldQuestion): Promise<Hold | null> {
    const { now, rotation } = question;
    if (!mayBeHeld(rotation)) return null;
    const { freeze, gate } = rotation.override ?? {};
    const frozen = freeze === undefined ? await this.#freezes.frozen(secret, now) : null;
    if (frozen !== null) return held(frozen, 'nothing of it is rotated');
    const shut = gate === undefined ? await this.#gates.shut(secret, question) : null;
    if (shut !== null || rotation.cause !== 'schedule') return shut;
    return heldForHolders(this.#store, secret, now);
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
