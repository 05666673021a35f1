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
  const finished = new AbortController();
  const letGo = () => over.abort('over');
  signal.addEventListener('abort', letGo, { once: true });
  if (signal.aborted) letGo();
  void clock.sleep(milliseconds, finished.signal).then(() => finished.signal.aborted || over.abort('over'));
  try {
    return await Promise.race([
      call(over.signal),
      aborted(over.signal, `${what} took longer than ${milliseconds / 1_000} s`),
    ]);
  } finally {
    finished.abort('finished');
    signal.removeEventListener('abort', letGo);
  }
}

function aborted(signal: AbortSignal, message: string): Promise<never> {
  return new Promise((_, reject) => {
    const fail = () => reject(new RotatorError('unreachable', message));
    if (signal.aborted) fail();
    else signal.addEventListener('abort', fail, { once: true });
  });
}
