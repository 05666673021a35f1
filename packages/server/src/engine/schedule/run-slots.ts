export interface Caps {
  /** Rotations at work on this server at the same time. */
  readonly overall: number;
  /** Of them, those at one target. */
  readonly perTarget: number;
}

/**
 * Eight at a time keep a server busy with waiting, not with computing; two at a time leave a database that is rotated
 * by hundreds of secrets its connections.
 */
export const DEFAULT_CAPS: Caps = { overall: 8, perTarget: 2 };

/** Places beyond the caps, overall and at each target, that only what is urgent takes: it does not wait for others' ends. */
const RESERVE = 1;

/** Counts rotations at work, overall and by target. */
export class RunSlots {
  readonly #caps: Caps;
  readonly #byTarget = new Map<string, number>();
  #taken = 0;

  constructor(caps: Caps) {
    this.#caps = caps;
  }

  get free(): number {
    return this.#caps.overall - this.#taken;
  }

  /** Whether there is a place left for what is urgent. */
  get hasReserve(): boolean {
    return this.#caps.overall > 0 && this.free + RESERVE > 0;
  }

  /** Takes a place; false if there is none left, or none at this target. Null: a target that cannot be told. */
  take(target: string | null, { urgent = false }: { readonly urgent?: boolean } = {}): boolean {
    const here = target === null ? 0 : (this.#byTarget.get(target) ?? 0);
    const beyond = urgent ? RESERVE : 0;
    if (this.free + beyond <= 0 || here >= this.#caps.perTarget + beyond) return false;
    this.#taken += 1;
    if (target !== null) this.#byTarget.set(target, here + 1);
    return true;
  }

  give(target: string | null): void {
    this.#taken -= 1;
    if (target === null) return;
    const left = (this.#byTarget.get(target) ?? 1) - 1;
    if (left > 0) this.#byTarget.set(target, left);
    else this.#byTarget.delete(target);
  }
}
