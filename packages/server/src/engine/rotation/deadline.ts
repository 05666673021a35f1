import { type Clock, RotatorError } from '@rekey/core';

/**
 * Runs a call with a signal that aborts when its time is over or the given signal aborts, and stops waiting for it
 * then, whether it listens to the signal or not: its outcome is unknown.
 *
 * @param milliseconds shorter than the claim where the target has no fence
 * @throws RotatorError `unreachable` when the time is over
 */
export async function withDeadline<T>(
  clock: Clock,
  {
    milliseconds,
    signal,
    what,
  }: { readonly milliseconds: number; readonly signal: AbortSignal; readonly what: string },
  call: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const over = new AbortController();
  let tell: () => void = () => {};
  const letGo = () => {
    over.abort('over');
    tell();
  };
  signal.addEventListener('abort', letGo, { once: true });
  if (signal.aborted) letGo();
  const callOff = clock.alarm(milliseconds, letGo);
  try {
    return await Promise.race([
      call(over.signal),
      new Promise<never>((_, reject) => {
        tell = () => reject(new RotatorError('unreachable', `${what} took longer than ${milliseconds / 1_000} s`));
        if (over.signal.aborted) tell();
      }),
    ]);
  } finally {
    callOff();
    signal.removeEventListener('abort', letGo);
  }
}
