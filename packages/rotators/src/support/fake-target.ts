import { RotatorError, type Strategy } from '@rekey/core';

/** What a test may make go wrong at one call. */
export type FakeFault =
  | 'down'
  | 'hangs'
  | 'lost-reply'
  | 'missing-privilege'
  | 'refuses-login'
  | 'rejects-value'
  | 'unclear'
  | 'crashes';
export type FakeOperation = 'plan' | 'create' | 'set' | 'test' | 'revoke' | 'probe' | 'sessions';

export interface FakeUser {
  /** What a login is accepted with, newest first. */
  readonly passwords: readonly string[];
  /** Secret and number of the rotation that wrote last; null for a user nobody rotated yet. */
  readonly fence: { readonly secret: string; readonly number: number } | null;
  readonly sessions: number;
}

/** Cause of the failure that a probe reports as `unclear`. */
export const UNCLEAR = 'unclear';

interface Planned {
  readonly operation: FakeOperation | 'any';
  readonly fault: FakeFault;
  times: number;
}

/** A target in memory: users, what they log in with, and the faults a test has switched on. */
export class FakeTarget {
  readonly users = new Map<string, FakeUser>();
  /** Every call as `operation username`, in order; never a password. */
  readonly calls: string[] = [];
  /** False makes it accept any password, as a target whose password check is off does. */
  checksPasswords = true;
  readonly #faults: Planned[] = [];

  constructor(users: Readonly<Record<string, string>> = {}) {
    for (const [name, password] of Object.entries(users)) this.addUser(name, password);
  }

  addUser(name: string, password: string): void {
    this.users.set(name, { passwords: [password], fence: null, sessions: 0 });
  }

  /** A person changes the password behind rekey's back. */
  changeByHand(name: string, password: string): void {
    this.#change(name, { passwords: [password] });
  }

  openSessions(name: string, sessions: number): void {
    this.#change(name, { sessions });
  }

  accepts(name: string, password: string): boolean {
    const user = this.users.get(name);
    return !this.checksPasswords || (user?.passwords.includes(password) ?? false);
  }

  /** Makes the next `times` calls of the operation fail; `Infinity` until {@link mend}. */
  breaks(operation: FakeOperation | 'any', fault: FakeFault, times = 1): void {
    this.#faults.push({ operation, fault, times });
  }

  mend(): void {
    this.#faults.length = 0;
  }

  /** Enters a call: fails or hangs where a fault says so. Returns what to do after the change is made. */
  async enter(operation: FakeOperation, username: string, signal: AbortSignal): Promise<{ leave(): void }> {
    this.calls.push(`${operation} ${username}`);
    if (signal.aborted) throw gaveUp(operation);
    const fault = this.#takeFault(operation);
    if (fault === 'hangs') await aborted(signal, operation);
    if (fault !== null && fault !== 'lost-reply') throw failure(fault, operation);
    return {
      leave: () => {
        if (fault === 'lost-reply') throw new RotatorError('unreachable', `The reply to ${operation} was lost`);
      },
    };
  }

  /** Writes passwords under the fence: refused when a newer rotation of the same secret wrote to the user. */
  write(name: string, secret: string, number: number, passwords: readonly string[]): void {
    const fence = this.users.get(name)?.fence ?? null;
    if (fence !== null && fence.secret === secret && fence.number > number)
      throw new RotatorError('conflict', `Rotation ${fence.number} already wrote to ${name}, this is ${number}`, {
        observedFence: fence.number,
      });
    this.#change(name, { passwords, fence: { secret, number } });
  }

  endSessions(name: string): number {
    const ended = this.users.get(name)?.sessions ?? 0;
    if (ended > 0) this.#change(name, { sessions: 0 });
    return ended;
  }

  #change(name: string, change: Partial<FakeUser>): void {
    const user = this.users.get(name) ?? { passwords: [], fence: null, sessions: 0 };
    this.users.set(name, { ...user, ...change });
  }

  #takeFault(operation: FakeOperation): FakeFault | null {
    const index = this.#faults.findIndex((fault) => fault.operation === 'any' || fault.operation === operation);
    const found = this.#faults[index];
    if (found === undefined) return null;
    found.times -= 1;
    if (found.times <= 0) this.#faults.splice(index, 1);
    return found.fault;
  }
}

/**
 * Passwords a user has after `set`, newest first. Where there is room for two, *current* is the one that stays: the
 * newest one held may be of a rotation that was given up.
 */
export function passwordsAfterSet(
  strategy: Strategy,
  held: readonly string[],
  { pending, current }: { readonly pending: string; readonly current: string },
): readonly string[] {
  if (strategy !== 'dual-password') return [pending];
  const others = held.filter((password) => password !== pending);
  const kept = others.includes(current) ? current : others[0];
  return kept === undefined ? [pending] : [pending, kept];
}

function failure(fault: FakeFault, operation: FakeOperation): Error {
  if (fault === 'missing-privilege')
    return new RotatorError('missing-privilege', `The admin credential may not ${operation} at the fake target`, {
      nextAction: 'Grant it.',
    });
  if (fault === 'refuses-login')
    return new RotatorError('refused-login', 'The fake target refuses the current credential');
  if (fault === 'rejects-value')
    return new RotatorError('rejected-value', 'The fake target does not like the new password');
  if (fault === 'crashes') return new TypeError('fake defect');
  if (fault === 'unclear')
    return new RotatorError('unreachable', 'The fake target answered something odd', { cause: UNCLEAR });
  return new RotatorError('unreachable', `The fake target is down (${operation})`);
}

function gaveUp(operation: FakeOperation): RotatorError {
  return new RotatorError('unreachable', `Gave up ${operation} at the fake target: out of time`);
}

function aborted(signal: AbortSignal, operation: FakeOperation): Promise<never> {
  return new Promise((_, reject) => {
    signal.addEventListener('abort', () => reject(gaveUp(operation)), { once: true });
  });
}
