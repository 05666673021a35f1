import type { Finding, RotationSettings, Strategy } from './rotation.ts';

/**
 * The Rotator port: knows one kind of target; owns no persistence, no labels, no retries, no clock.
 *
 * Obligations of every method:
 * - It may run again after a crash or a lost reply and must reach the same end; where repeating a statement would not,
 *   it probes first.
 * - It fails only with a {@link RotatorError}; messages never contain a credential in any encoding.
 * - It gives up when `context.signal` aborts.
 * - It opens what it needs and closes it before it returns.
 *
 * Credentials travel as the text of the secret's value (for databases the JSON of AWS's rotation templates); a rotator
 * parses it, keeps fields it does not know, and fails `rejected-form` naming the field, never the content.
 */
export interface Rotator {
  /** Kebab-case name; the built-in rotation function is `rekey-<name>`. */
  readonly name: string;
  readonly strategies: readonly Strategy[];
  /** Declared inabilities: feature → reason. The conformance suite skips what is declared and nothing else. */
  readonly lacks: Lacks;

  /** Names the system behind a credential (`postgres://host:port`), for caps and once-per-target proofs; empty where there is none. Pure. */
  target(credential: string): string;

  /** Says what a rotation would do, and what the admin credential lacks for it. Changes nothing. */
  plan(request: PlanRequest): Promise<RotationPlan>;

  /** Proposes the next credential; touches nothing outside. */
  create(request: CreateRequest): Promise<CreateResult>;

  /**
   * Makes the target accept `pending`, while it still accepts `current` where the strategy allows: what a target that
   * holds two passwords gives up is never `current`, though it be the older of the two. Refused by the fence.
   */
  set(request: SetRequest): Promise<StepResult>;

  /** Proves `pending` as an application would use it: fresh login, `via` too, and the same privileges as `current`. */
  test(request: TestRequest): Promise<StepResult>;

  /** Makes the target refuse `retired`. Of the absent: success. Never touches what `current` uses. Refused by the fence. */
  revoke(request: RevokeRequest): Promise<RevokeResult>;

  /** A fresh login with the credential. Never throws for what the target answered or failed to answer. */
  probe(request: ProbeRequest): Promise<ProbeResult>;

  /**
   * Counts the sessions open at the target that were begun as the account of `held`. Looks only. Where `held` and
   * `current` are one account nobody can tell whose a session is: null.
   */
  sessions?(request: SessionsRequest): Promise<SessionsResult>;

  /** The same credential with a random password, for the proof that the target checks passwords at all. Pure but random. */
  decoy?(credential: string, random: RandomSource): string;
}

/** feature → reason it is lacking. What lacks `target` renews values that no system knows: nothing ever refuses one. */
export type Lacks = Readonly<Partial<Record<RotatorFeature, string>>>;
export type RotatorFeature = 'fence' | 'probe' | 'revoke' | 'compare' | 'decoy' | 'refuses-old' | 'sessions' | 'target';

/** Cryptographic randomness, passed in so that tests can repeat a run. */
export interface RandomSource {
  bytes(length: number): Uint8Array;
  /** Uniform integer in [0, limit). */
  below(limit: number): number;
}

/** What every request carries. */
export interface RotationContext {
  readonly secret: { readonly arn: string; readonly name: string };
  /** Resolved; never `auto`. */
  readonly strategy: Strategy;
  /** Number of the rotation; written to the target with each change and compared there. */
  readonly fence: number;
  /** Text of the admin credential's current value; null if the secret names none. */
  readonly admin: string | null;
  readonly settings: RotationSettings;
  readonly random: RandomSource;
  /** Aborts when the engine's time for the step is over. */
  readonly signal: AbortSignal;
}

export interface PlanRequest {
  readonly context: RotationContext;
  readonly current: string;
}

export interface RotationPlan {
  readonly strategy: Strategy;
  /** Statements as they would be sent, values redacted. */
  readonly statements: readonly string[];
  /** Statements a person must run first (grants the admin credential lacks); empty if nothing is missing. */
  readonly needs: readonly string[];
  /** Sentences worth knowing before it starts. */
  readonly warnings: readonly string[];
  /** What applications will see: none, or a switch window of about so many milliseconds. */
  readonly expectedWindow: number;
}

export interface CreateRequest {
  readonly context: RotationContext;
  readonly current: string;
}
export interface CreateResult {
  readonly pending: string;
}

export interface SetRequest {
  readonly context: RotationContext;
  readonly current: string;
  readonly pending: string;
  readonly previous: string | null;
}

export interface TestRequest {
  readonly context: RotationContext;
  readonly current: string;
  readonly pending: string;
}

export interface StepResult {
  readonly findings: readonly Finding[];
}

export interface RevokeRequest {
  readonly context: RotationContext;
  readonly retired: string;
  readonly current: string;
  /**
   * Where both are one account with one password: sessions opened longer ago than this were opened with the retired
   * one, and end if `settings.endSessions` asks for it. Milliseconds, to be asked at the last moment, since newer ones
   * come in all the time; left out where that cannot be told.
   */
  readonly sessionsOlderThan?: () => number;
}
export interface RevokeResult extends StepResult {
  /** Sessions ended, when `settings.endSessions` asked for it. */
  readonly endedSessions: number;
  /** How many of them were in the middle of something; left out where the target does not tell. */
  readonly endedInFlight?: number;
}

export interface SessionsRequest {
  readonly context: RotationContext;
  /** The credential that is to be retired. */
  readonly held: string;
  readonly current: string;
}
export interface SessionsResult {
  readonly sessions: number | null;
}

export interface ProbeRequest {
  readonly credential: string;
  readonly settings: RotationSettings;
  readonly signal: AbortSignal;
}

/** `unclear` counts as `unreachable`: could not look. */
export type ProbeOutcome = 'accepted' | 'refused' | 'unreachable' | 'unclear';
export interface ProbeResult {
  readonly outcome: ProbeOutcome;
  /** One sentence; never a value. */
  readonly reason: string;
}
