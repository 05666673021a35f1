import type { HolderRecord } from '../../store/collections.ts';
import { type HolderSignal, type HolderState, intervalOf, nameOf, signalOf, stateOf } from './holder-state.ts';

/** A holder as people and programs are shown it. */
export interface HolderView extends HolderRecord {
  readonly name: string;
  readonly instance: string | null;
  readonly signal: HolderSignal;
  readonly state: HolderState;
  /** How long it goes without being seen, in milliseconds; null while it was seen once and does not say. */
  readonly interval: number | null;
  /**
   * What retirement would do about it if the secret were rotated now: wait until it has moved, wait until the deadline
   * since nobody can say when it comes back, or not wait for it.
   */
  readonly ifRotatedNow: 'waited-for' | 'holds-to-deadline' | 'not-waited-for';
}

/** Pure. */
export function holderView(
  holder: HolderRecord,
  currentVersionId: string | null,
  now: number,
  attendedSince?: number,
): HolderView {
  const state = stateOf(holder, currentVersionId, now, attendedSince);
  const interval = intervalOf(holder);
  const holds = state === 'current' ? (interval === null ? 'holds-to-deadline' : 'waited-for') : 'not-waited-for';
  const { instance = null } = holder;
  return { ...holder, name: nameOf(holder), instance, signal: signalOf(holder), state, interval, ifRotatedNow: holds };
}
