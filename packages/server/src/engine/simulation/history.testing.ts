import type { Strategy } from '@rekey/core';
import type { PersonAct, PlannedFault } from './fault.testing.ts';

/**
 * What is done in a history, one after the other, each until nothing is left to do: by people; `due` by the schedule;
 * `disaster`: store and servers are lost, and the last backup is restored.
 */
export type Act = PersonAct | 'due' | 'disaster';

/** A history before it is played: everything in it follows from this and nothing else. */
export interface History {
  /** Feeds the randomness inside the engine. */
  readonly seed: number;
  readonly strategy: Strategy;
  /** Whether the secret names an admin credential; without one, a user changes its own password. */
  readonly admin: boolean;
  readonly servers: number;
  readonly scheduled: boolean;
  readonly acts: readonly Act[];
  readonly faults: readonly PlannedFault[];
  /** Applications that read the secret meanwhile; none if left out. */
  readonly readers?: readonly ReaderPlan[];
}

/** An application that holds what is current. */
export interface ReaderPlan {
  /** How long it goes without reading again. Milliseconds. */
  readonly every: number;
  /** How often it reads before it is silent for good. */
  readonly reads: number;
  /** Whether it says itself what it uses, and how soon it comes back. */
  readonly acknowledges: boolean;
}

/** What came of a history. */
export interface Outcome {
  /** The first promise that was broken, in a sentence; null if none was. */
  readonly broken: string | null;
  /** Effects of the server that the history began with. */
  readonly effects: number;
  /** Faults that struck, by kind. */
  readonly struck: readonly string[];
  /** How and at which effects servers were cut short: `dies before:commit`, `sleeps amid:set` … */
  readonly cut: readonly string[];
  /** Names of the recovery cases that were needed. */
  readonly cases: readonly string[];
  readonly rotations: number;
  readonly logins: number;
}
