/**
 * One base class, a closed set of codes. Branch on {@link RekeyError.code} (what kind of failure) or on
 * {@link RekeyError.reason} (which rule); never on the message. Faces translate both into their protocol's errors.
 */
export type ErrorCode =
  | 'not-found'
  | 'already-exists'
  | 'invalid-input'
  | 'invalid-state'
  | 'conflict'
  | 'not-permitted'
  | 'unauthenticated'
  | 'limit-exceeded'
  | 'unavailable'
  | 'storage-full'
  | 'decryption-failed'
  | 'integrity'
  | 'bug';

const RETRYABLE: ReadonlySet<ErrorCode> = new Set(['conflict', 'unavailable', 'storage-full']);

export interface RekeyErrorOptions {
  /** The rule that was broken, in kebab-case (`secret-marked-for-deletion`); stable, faces key their texts on it. */
  reason?: string;
  /** Names and ids a face may need to word the error. Never a secret value. */
  facts?: Readonly<Record<string, string>>;
  cause?: unknown;
}

/** A domain failure. The message is one sentence: what failed, on what, what to do. It never contains a secret value. */
export class RekeyError extends Error {
  readonly code: ErrorCode;
  readonly reason: string;
  readonly facts: Readonly<Record<string, string>>;

  constructor(code: ErrorCode, message: string, options: RekeyErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RekeyError';
    this.code = code;
    this.reason = options.reason ?? code;
    this.facts = options.facts ?? {};
  }

  /** True when the same call may succeed later without anyone changing anything. */
  get retryable(): boolean {
    return RETRYABLE.has(this.code);
  }
}

/**
 * How a rotator classes a failure at its target.
 *
 * - `unreachable`: could not look; says nothing about any password.
 * - `refused-login`: the target looked and refused the credential.
 * - `missing-privilege`: the admin credential (or the role itself) may not do what the step needs.
 * - `rejected-value`: the target does not like this value (password policy); a fresh one may pass.
 * - `rejected-form`: the secret is not shaped as this rotator needs; a person must change it.
 * - `conflict`: a newer rotation number stands at the target, or somebody changed it meanwhile.
 * - `bug`: anything else.
 */
export type RotatorErrorClass =
  | 'unreachable'
  | 'refused-login'
  | 'missing-privilege'
  | 'rejected-value'
  | 'rejected-form'
  | 'conflict'
  | 'bug';

export interface RotatorErrorOptions {
  /** One sentence with the next action for a person. */
  nextAction?: string;
  /** For `conflict` raised by the fence: the newer rotation number found at the target. */
  observedFence?: number;
  /** For `refused-login`: it was the admin credential that was refused, not the secret's own. */
  refusedAdmin?: boolean;
  cause?: unknown;
}

/** A failure at a target, classed. The message never contains a credential; it names the target and the operation. */
export class RotatorError extends Error {
  readonly class: RotatorErrorClass;
  readonly nextAction: string | null;
  readonly observedFence: number | null;
  readonly refusedAdmin: boolean;

  constructor(errorClass: RotatorErrorClass, message: string, options: RotatorErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = 'RotatorError';
    this.class = errorClass;
    this.nextAction = options.nextAction ?? null;
    this.observedFence = options.observedFence ?? null;
    this.refusedAdmin = options.refusedAdmin ?? false;
  }
}

/** Sentence of any thrown thing, for logs and records. Stacks and causes stay out: drivers put connection strings there. */
export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
