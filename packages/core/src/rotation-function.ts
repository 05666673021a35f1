import type { Finding, Strategy } from './rotation.ts';
import type { Lacks, ProbeResult, RevokeRequest, RevokeResult, RotationPlan } from './rotator.ts';

/** The four steps of AWS's rotation contract. */
export type FunctionStep = 'createSecret' | 'setSecret' | 'testSecret' | 'finishSecret';

/** The event AWS sends to a rotation Lambda, member for member. */
export interface RotationEvent {
  readonly Step: FunctionStep;
  /** Full ARN. */
  readonly SecretId: string;
  /** Id of the version being made. */
  readonly ClientRequestToken: string;
}

export interface InvokeOptions {
  /** Number of the rotation; functions that `lack` fence ignore it. */
  readonly fence: number;
  readonly signal: AbortSignal;
}

/** See {@link RevokeRequest}. */
export type RevokeOptions = InvokeOptions & Pick<RevokeRequest, 'sessionsOlderThan'>;

/** Sessions that revoke ended. */
export type Ended = Pick<RevokeResult, 'endedSessions' | 'endedInFlight'>;

/** What a step has to say beside "done". Foreign functions say nothing: empty findings, null strategy. */
export interface StepReport {
  readonly findings: readonly Finding[];
  readonly strategy: Strategy | null;
}

/**
 * What the engine runs: AWS's four steps, plus abilities a function may have. Built-in rotators get all of them from
 * one adapter; foreign functions have the four steps and `lack` the rest.
 */
export interface RotationFunction {
  readonly name: string;
  readonly lacks: Lacks;
  /** Whether the `SecretAccess` it was made over is; otherwise each step finds its intention in the store. */
  readonly inProcess?: boolean;

  invoke(event: RotationEvent, options: InvokeOptions): Promise<StepReport>;

  /** Names the system behind the secret's current value; null if it cannot be told. */
  target?(secretArn: string): Promise<string | null>;
  plan?(secretArn: string, options: InvokeOptions): Promise<RotationPlan & { readonly why: string }>;
  /** Makes the target refuse the value of the given version; the current version is untouched. */
  revoke?(secretArn: string, versionId: string, options: RevokeOptions): Promise<StepReport & Ended>;
  /** A fresh login with the value of the given version. */
  probe?(secretArn: string, versionId: string, options: { readonly signal: AbortSignal }): Promise<ProbeResult>;
  /** A fresh login as current with a random password; must be refused, or nothing the target says proves anything. */
  probeDecoy?(secretArn: string, options: { readonly signal: AbortSignal }): Promise<ProbeResult>;
  /**
   * Counts the sessions open at the target under the account of the given version; null where they cannot be told from
   * those of the current one. Changes nothing.
   */
  sessions?(secretArn: string, versionId: string, options: InvokeOptions): Promise<number | null>;
  /** Names the accounts behind a version, so that refused logins can be counted. Foreign functions cannot tell. */
  accounts?(secretArn: string, versionId: string): Promise<LoginAccounts>;
  /** True when revoke would retire something the current version still uses (single-user: there is nothing to retire). */
  sharesAccount?(secretArn: string, versionId: string): Promise<boolean>;
}

/** The accounts that a step may log in as, named across secrets (`postgres://host:5432 app`); null where there is none. */
export interface LoginAccounts {
  /** Of the version's own value. */
  readonly own: string | null;
  /** Of the admin credential. */
  readonly admin: string | null;
}

/** Finds the rotation function behind an ARN or bare name; null if it cannot be invoked. */
export type FindRotationFunction = (functionArn: string) => RotationFunction | null;
