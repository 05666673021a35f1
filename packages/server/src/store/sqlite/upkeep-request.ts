import { once } from 'node:events';
import { type Failure, toError } from './failures.ts';
import { startThread } from './thread.ts';

export type Upkeep =
  | { readonly kind: 'backup'; readonly file: string; readonly to: string }
  | { readonly kind: 'check'; readonly file: string };
export type UpkeepAnswer = { readonly damage: readonly string[] } | { readonly failure: Failure };

/** Runs an upkeep in a thread of its own and returns the damage it found. */
export async function runUpkeep(upkeep: Upkeep): Promise<readonly string[]> {
  const [answer] = (await once(startThread('upkeep-thread', upkeep), 'message')) as [UpkeepAnswer];
  if ('failure' in answer) throw toError(answer.failure);
  return answer.damage;
}
