/** Least and greatest pause after trouble on our side (a full disk, a store that is away); milliseconds. */
const FIRST_PAUSE = 500;
const LONGEST_PAUSE = 30_000;

/**
 * How long rotations are left alone after trouble on our side. Kept in memory: the store is what is in trouble. The
 * record says it is due, and without a pause each pass would knock at the target again.
 */
export class Pauses {
  readonly #byRotation = new Map<string, { readonly failures: number; readonly until: number }>();

  isPaused(rotationId: string, now: number): boolean {
    return (this.#byRotation.get(rotationId)?.until ?? 0) > now;
  }

  /** Doubles with each failure in a row. */
  pause(rotationId: string, now: number): void {
    const failures = (this.#byRotation.get(rotationId)?.failures ?? 0) + 1;
    const milliseconds = Math.min(LONGEST_PAUSE, FIRST_PAUSE * 2 ** (failures - 1));
    this.#byRotation.set(rotationId, { failures, until: now + milliseconds });
  }

  clear(rotationId: string): void {
    this.#byRotation.delete(rotationId);
  }
}
