import type { RotatorErrorClass } from './errors.ts';

/** How the old and the new credential overlap at the target. */
export type Strategy = 'single-user' | 'alternating-users' | 'dual-password' | 'two-keys';
export const STRATEGIES: readonly Strategy[] = ['single-user', 'alternating-users', 'dual-password', 'two-keys'];

/** Settings of a secret's rotation, from tags (`rekey:…`), the native face or `rekey.yaml`. */
export interface RotationSettings {
  readonly strategy: Strategy | 'auto';
  /** How long the old value stays valid after promotion; milliseconds. Default one hour. */
  readonly overlap: number;
  /**
   * The old value is retired within so long after promotion, whoever still holds it; milliseconds. Null: 24 overlaps, or
   * half-way to the next planned rotation if that is sooner. Absent from records of before there was a deadline.
   */
  readonly retireWithin: number | null;
  /** Whether a strategy may change the username that applications see. */
  readonly usernameMayChange: boolean;
  /** `host:port` of a pooler that must accept the new credential before promotion; null for none. */
  readonly via: string | null;
  /** End sessions of the retired credential when it is revoked. */
  readonly endSessions: boolean;
  /** Staging counterparts, by name or ARN: it rotates only after them. Left out or empty: it has no gate. */
  readonly requires?: readonly string[];
  /** Rotations of each in a row that must have ended well (default 1). */
  readonly green?: number;
  /** How long that must have been so; milliseconds (default a day). */
  readonly soak?: number;
}

export const DEFAULT_ROTATION_SETTINGS: RotationSettings = {
  strategy: 'auto',
  overlap: 3_600_000,
  retireWithin: null,
  usernameMayChange: false,
  via: null,
  endSessions: false,
};

/** When a secret is rotated. `days` and `expression` are AWS's forms; `every` (milliseconds) is native only. */
export type RotationRule =
  | { readonly kind: 'days'; readonly days: number; readonly duration: string | null }
  | { readonly kind: 'expression'; readonly expression: string; readonly duration: string | null }
  | { readonly kind: 'every'; readonly every: number }
  | { readonly kind: 'manual' };

/** Rotation as configured on a secret, and where it stands. */
export interface SecretRotation {
  readonly enabled: boolean;
  /** ARN or bare name of the rotation function, as given. */
  readonly functionArn: string | null;
  readonly rule: RotationRule;
  readonly settings: RotationSettings;
  /** What of the settings was made in the native face or in `rekey.yaml`: it wins over tags, whatever happens to them. */
  readonly explicit?: Partial<RotationSettings>;
  /** Number of the last rotation begun; grows by one each time and is the fence at the target. */
  readonly number: number;
  readonly lastRotatedAt: number | null;
  /** When the engine means to begin (inside the window, spread); null while nothing is scheduled. */
  readonly plannedAt: number | null;
  /** Last moment of the window; later than this is overdue. */
  readonly deadlineAt: number | null;
  /** The rotation at work, and the one that waits for its overlap to end. */
  readonly activeRotationId: string | null;
  readonly queuedRotationId: string | null;
  /** Why the schedule's rotation does not begin although it is due; left out or null where nothing holds it. */
  readonly postponed?: Postponed | null;
}

/** A rotation that was due and waits; `plannedAt` of its secret says until when. */
export interface Postponed {
  readonly by: 'freeze' | 'gate' | 'holders';
  readonly sentence: string;
  /** It ends by nothing but somebody's doing. */
  readonly trouble?: boolean;
  /** When it was due, and by when, before it was postponed. */
  readonly plannedAt: number;
  readonly deadlineAt: number | null;
}

/** What would hold a rotation and does not, because a person said so; each with the reason given. */
export interface RotationOverride {
  readonly freeze?: string;
  readonly gate?: string;
}

/** Why a rotation was begun. */
export type RotationCause = 'schedule' | 'manual' | 'breach' | 'adopt' | 'drift' | 'rollback';

/**
 * The machine: `due → created → set → tested → promoted → retiring → done`; sideways `waiting` is not a state but a
 * rotation whose `nextAttemptAt` lies ahead; `blocked` needs a person; `rolled-back` and `abandoned` are ends.
 * A state names what is durably true, never what is being tried: that is {@link RotationRecord.doing}.
 */
export type RotationState =
  | 'due'
  | 'created'
  | 'set'
  | 'tested'
  | 'promoted'
  | 'retiring'
  | 'done'
  | 'blocked'
  | 'rolled-back'
  | 'abandoned';

export type RotationStep = 'create' | 'set' | 'test' | 'finish' | 'revoke';

/** One attempt at one step, kept for history and audit. */
export interface StepRecord {
  readonly step: RotationStep;
  readonly attempt: number;
  readonly startedAt: number;
  readonly finishedAt: number;
  readonly outcome: 'done' | 'failed' | 'unknown';
  readonly errorClass: RotatorErrorClass | null;
  /** One sentence; never a value. */
  readonly reason: string | null;
  readonly findings: readonly Finding[];
  /** Of an attempt whose outcome was unknown: name of the case by which the engine took it up again. */
  readonly recovery?: string;
}

/** Something a rotator noticed: repaired by it, or reported for a person (with the statement that would mend it). */
export interface Finding {
  readonly kind: 'repaired' | 'reported';
  readonly text: string;
  readonly statement: string | null;
}

/** Sessions of a retired credential that were ended. */
export interface SessionsEnded {
  readonly total: number;
  /** Those that were in the middle of something; null where the target does not tell. */
  readonly inFlight: number | null;
}

/** One durable attempt to renew a credential. */
export interface RotationRecord {
  readonly id: string;
  readonly secretId: string;
  readonly secretName: string;
  /** Fence at the target: grows with each rotation of the secret. */
  readonly number: number;
  readonly cause: RotationCause;
  readonly askedBy: string;
  readonly functionArn: string;
  readonly settings: RotationSettings;
  readonly state: RotationState;
  /** The step being tried, recorded before it is tried: after a crash its outcome is in doubt. */
  readonly doing: { readonly step: RotationStep; readonly startedAt: number } | null;
  /** Failed attempts since the last state change. */
  readonly attempts: number;
  /** When to go on; null when ended or blocked. */
  readonly nextAttemptAt: number | null;
  /** Why it waits or is blocked, with the next action; null while it runs. */
  readonly waitingFor: string | null;
  readonly lastErrorClass: RotatorErrorClass | null;
  readonly lastError: string | null;
  /** The version being made (pending). */
  readonly versionId: string;
  /** What was current when the rotation began; null for a secret without a value. */
  readonly previousVersionId: string | null;
  /** Strategy as resolved at the first step; null before, and for functions that do not say. */
  readonly strategy: Strategy | null;
  readonly createdAt: number;
  readonly startedAt: number | null;
  /** The value was made by an earlier rotation that left it pending, so that a target may know it. */
  readonly inherited?: boolean;
  readonly setStartedAt: number | null;
  readonly promotedAt: number | null;
  readonly endedAt: number | null;
  /** Single-user: milliseconds between the target's change and the promotion, during which current was refused. */
  readonly switchWindow: number | null;
  /** When the old value may be retired (end of the overlap), and when it is in any case; set at promotion. */
  readonly retireAt: number | null;
  /** Absent from records of before there was a deadline. */
  readonly retireBy?: number | null;
  /** Sessions seen open at the target under the old value when retirement was last considered; null: nobody can tell. */
  readonly openSessions?: number | null;
  /** Who still held the old value at the deadline, named for people; absent until then. */
  readonly leftBehind?: readonly string[];
  /**
   * A value that was given up after its target had taken it beside the one in use: still accepted there, revoked, or in
   * use or replaced there after all. Left out where there is none.
   */
  readonly leftover?: 'accepted' | 'revoked' | 'superseded';
  /** When the target was seen to refuse the old value; the proof of promise 4. */
  readonly oldRefusedAt: number | null;
  /** Sessions of the old value that were ended; left out where none were to be. */
  readonly sessionsEnded?: SessionsEnded;
  /** By when its schedule wants it to be done; left out or null for one that somebody asked for. */
  readonly dueBy?: number | null;
  /** Left out or null where nothing is overridden. */
  readonly override?: RotationOverride | null;
  /** What it waits for was one of these, when it last waited. */
  readonly heldBy?: Postponed['by'] | null;
  readonly steps: readonly StepRecord[];
}

/**
 * Resolves `auto`: the best declared strategy that does not change what applications hard-code.
 * A strategy named explicitly is taken at its word; the rotator refuses it if it cannot.
 */
export function chooseStrategy(
  settings: RotationSettings,
  declared: readonly Strategy[],
  hasAdminCredential: boolean,
): { readonly strategy: Strategy; readonly why: string } {
  if (settings.strategy !== 'auto') return { strategy: settings.strategy, why: 'named explicitly' };
  if (declared.includes('dual-password'))
    return {
      strategy: 'dual-password',
      why: 'the target keeps two passwords for one user: no outage, no new username',
    };
  if (declared.includes('two-keys'))
    return { strategy: 'two-keys', why: 'the target keeps two keys side by side: no outage' };
  if (declared.includes('alternating-users') && settings.usernameMayChange && hasAdminCredential)
    return {
      strategy: 'alternating-users',
      why: 'the username may change and an admin credential is named: no outage',
    };
  return {
    strategy: 'single-user',
    why: settings.usernameMayChange
      ? 'no admin credential is named (masterarn)'
      : 'the username may not change (tag rekey:username-may-change)',
  };
}
