import type { RotationRecord, RotationStep, SecretRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import type { RetirementDecision } from '../holders/retirement-gate.ts';
import type { Hold } from '../order/hold.ts';

/** What the rotation function can do besides the four steps. */
export interface Abilities {
  readonly probe: boolean;
  readonly probeDecoy: boolean;
  readonly revoke: boolean;
}

export interface RotationFacts {
  readonly now: number;
  /** Null when the secret was removed for good. */
  readonly secret: SecretRecord | null;
  /** The rotation whose overlap this one waits for; null when it is its turn. */
  readonly ahead: RotationRecord | null;
  readonly abilities: Abilities;
  /** False until the target was seen to refuse a random password. */
  readonly targetProven: boolean;
  /** Whether the old value may die now; null unless the overlap is over. */
  readonly retirement?: RetirementDecision<HolderRecord> | null;
  /** What holds it back in the phase it is in; left out or null if nothing does. */
  readonly hold?: Hold | null;
}

export type Decision = Move & {
  /** Name of the recovery case that decided, where a step was found cut short. */
  readonly recovery?: string;
};

export type Move =
  /** It has ended or is blocked. */
  | { readonly do: 'stop' }
  /** Wait; nothing is wrong. */
  | {
      readonly do: 'wait';
      readonly until: number;
      readonly why: string;
      readonly openSessions?: number | null;
      readonly heldBy?: Hold['by'];
      /** What waits so needs a person. */
      readonly trouble?: boolean;
    }
  /** Try a step. */
  | { readonly do: 'step'; readonly step: RotationStep }
  /** A random password must be refused, or nothing the target says proves anything. */
  | { readonly do: 'prove-target' }
  /** `adopt`, `drift`: the value to be tested, or set again, is the one that is current. */
  | { readonly do: 'copy-current' }
  /** A value put by hand before anything was made is simply what this rotation starts from. */
  | { readonly do: 'rebase'; readonly currentVersionId: string | null }
  /** The state that is durably true, found by looking. */
  | { readonly do: 'advance'; readonly to: 'created'; readonly why: string }
  /** Its test was a while ago: another comes before anything is promoted. */
  | { readonly do: 'test-again' }
  /** Ask the target whether it holds the new value. */
  | { readonly do: 'resolve'; readonly doubt: Doubt }
  /** Somebody else moved *current* to the new version, which the target accepts. */
  | { readonly do: 'accept-promotion' }
  /** Promoted: is there an old value to retire, or was it replaced? */
  | { readonly do: 'settle' }
  /** It was given up after its target had taken the value: is that still accepted there for nothing? */
  | { readonly do: 'revoke-leftover' }
  | { readonly do: 'forget-leftover' }
  /** The deadline of the retirement is reached: those who still hold the old value are put on record, and told of. */
  | { readonly do: 'leave-behind'; readonly holders: readonly string[] }
  | { readonly do: 'end'; readonly state: 'done' | 'rolled-back' | 'abandoned'; readonly why: string | null }
  | { readonly do: 'block'; readonly why: string };

/**
 * What is not known of the target: whether `set` reached it; whether it holds a value it is said to have rejected;
 * whether a value that failed its test is nevertheless the only one accepted.
 */
export type Doubt = 'set-cut-short' | 'value-rejected' | 'test-failed';
