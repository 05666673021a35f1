/**
 * Where a rotation may be cut in two by a crash: before and after each thing that outlives the process. A crash test
 * passes a hook and stops the process (or never resolves) at one of them; in production there is none.
 */

/** Everything durable that a rotation does, in the order in which one usually meets it. */
export const DURABLE_POINTS = [
  'begin',
  'target-proof',
  'login',
  'create-intent',
  'escrow',
  'value',
  'create-outcome',
  'set-intent',
  'set-outcome',
  'test-intent',
  'test-outcome',
  'finish-intent',
  'promotion',
  'settlement',
  'revoke-intent',
  'revocation',
  'revoke-outcome',
  'failure',
  'recovery',
  'fresh-value',
  'higher-number',
  'block',
  'end',
  'wait',
  'cancel',
] as const;
export type DurablePoint = (typeof DURABLE_POINTS)[number];

export type Boundary = `${'before' | 'after'}:${DurablePoint}`;

/** Names of all hooks: `before:set-intent`, `after:set-intent` … */
export const BOUNDARIES: readonly Boundary[] = DURABLE_POINTS.flatMap((point): Boundary[] => [
  `before:${point}`,
  `after:${point}`,
]);

/** Called at each boundary; what it waits for, the rotation waits for. */
export type BoundaryHook = (boundary: Boundary) => void | Promise<void>;

/** Does a durable thing between its two boundaries; of several that become durable at once, between those of all. */
export function crossing<T>(
  hook: BoundaryHook | undefined,
  points: DurablePoint | readonly DurablePoint[],
  act: () => Promise<T>,
): Promise<T> {
  if (hook === undefined) return act();
  if (typeof points === 'string') return between(hook, points, act);
  return points.reduceRight((inner, point) => () => between(hook, point, inner), act)();
}

async function between<T>(hook: BoundaryHook, point: DurablePoint, act: () => Promise<T>): Promise<T> {
  await hook(`before:${point}`);
  const result = await act();
  await hook(`after:${point}`);
  return result;
}
