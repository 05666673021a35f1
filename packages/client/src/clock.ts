import { setMaxListeners } from 'node:events';

/** Time, passed in: no rule of this package reads the machine's clock by itself. */
export interface Clock {
  /** Milliseconds since the epoch, for signatures. May jump when somebody sets the machine's clock. */
  now(): number;
  /** Milliseconds since any fixed moment. Never jumps; ages, limits and budgets are measured by it. */
  elapsed(): number;
  /**
   * Runs a function once after the given milliseconds.
   *
   * @param background true for work nobody waits for: it does not keep the process alive.
   * @returns a function that calls it off.
   */
  after(milliseconds: number, run: () => void, background: boolean): () => void;
}

/** Node cuts longer delays to one millisecond; nothing here waits longer than this in one go. */
const LONGEST_DELAY = 2 ** 31 - 1;

/** The machine's own clock. */
export const systemClock: Clock = {
  now: () => Date.now(),
  elapsed: () => performance.now(),
  after(milliseconds, run, background) {
    const timer = setTimeout(run, Math.min(milliseconds, LONGEST_DELAY));
    if (background) timer.unref();
    return () => clearTimeout(timer);
  },
};

/** Resolves after the given milliseconds, or at once when a signal aborts. Keeps the process alive: somebody waits. */
export function sleep(clock: Clock, milliseconds: number, ...signals: AbortSignal[]): Promise<void> {
  return settledWithin(clock, new Promise(() => {}), milliseconds, ...signals);
}

/** Resolves when the work settles either way, when the time is over or when a signal aborts, whichever is first. */
export function settledWithin(
  clock: Clock,
  work: Promise<unknown>,
  milliseconds: number,
  ...signals: AbortSignal[]
): Promise<void> {
  return new Promise((resolve) => {
    const cancel = clock.after(milliseconds, () => finish(), false);
    const finish = () => {
      cancel();
      for (const signal of signals) signal.removeEventListener('abort', finish);
      resolve();
    };
    for (const signal of signals) signal.addEventListener('abort', finish, { once: true });
    if (signals.some((signal) => signal.aborted)) finish();
    work.then(finish, finish);
  });
}

/** A signal that any number may wait for; Node warns of a leak at the eleventh otherwise. */
export function sharedAbort(): AbortController {
  const controller = new AbortController();
  setMaxListeners(0, controller.signal);
  return controller;
}
