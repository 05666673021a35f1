import { type Rotator, RotatorError, type Strategy } from '@rekey/core';
import { type FakeOperation, FakeTarget, type FakeUser, fake } from '@rekey/rotators';
import type { Effects } from './effects.testing.ts';
import type { SimulatedTime } from './time.testing.ts';

/** As long as those that rotations make. */
export const FIRST_PASSWORD = 'first-password-of-the-application';
export const ADMIN_PASSWORD = 'password-of-the-administrator-000';

/** What a target would have to break for the promises to break with it; for tests of the simulation itself. */
export interface TargetDefects {
  /** Writes of older rotations are taken. */
  readonly lacksFence?: boolean;
  /** A revoked password still logs in, and says so to nobody. */
  readonly keepsRevoked?: boolean;
  /** A probe that does not come through is told as a wrong password. */
  readonly callsUnreachableRefused?: boolean;
  /** Its errors quote a password, and nobody takes that out. */
  readonly quotesPasswords?: boolean;
}

/** What all servers see of the target, and those who check the promises. */
export class SimulatedTarget {
  readonly users = new Map<string, FakeUser>();
  readonly defects: TargetDefects;
  readonly time: SimulatedTime;
  /** Told of each password our rotations write, before it is there. */
  onWriting: (username: string, passwords: readonly string[]) => void = () => {};
  onChanged: () => void = () => {};
  /** Logins of ours that were judged, refused ones in a row by account, and the most there ever were. */
  logins = 0;
  mostRefused = 0;
  /** Times it was put back from a backup: whoever was connected, or about to, is cut off. */
  lives = 0;
  readonly #refusedAt = new Map<string, number[]>();
  /** What the last login with a value came to, of those that the target judged. */
  readonly #judged = new Map<string, boolean>();
  #pooler: { readonly until: number; readonly users: ReadonlyMap<string, FakeUser> } | null = null;

  constructor(time: SimulatedTime, defects: TargetDefects = {}) {
    this.time = time;
    this.defects = defects;
    this.putBack();
  }

  /** As it was in the beginning. */
  putBack(): void {
    this.lives += 1;
    this.users.clear();
    for (const name of ['app', 'admin'])
      this.users.set(name, {
        passwords: [name === 'app' ? FIRST_PASSWORD : ADMIN_PASSWORD],
        fence: null,
        sessions: 0,
      });
  }

  changeByHand(username: string, password: string): void {
    const user = this.users.get(username) ?? { fence: null, sessions: 0 };
    this.users.set(username, { ...user, passwords: [password] });
    this.onChanged();
  }

  /** Logins are judged by what stands now until so much time has passed. */
  stalePooler(milliseconds: number): void {
    this.#pooler = { until: this.time.now + milliseconds, users: new Map(this.users) };
  }

  get isPoolerStale(): boolean {
    return this.#pooler !== null && this.#pooler.until > this.time.now;
  }

  reloadPooler(): void {
    this.#pooler = null;
  }

  /** What the target itself says, whatever stands before it. */
  accepts(username: string, password: string): boolean {
    return this.users.get(username)?.passwords.includes(password) ?? false;
  }

  /** What whoever logs in is told. */
  letsIn(username: string, password: string): boolean {
    const users = this.isPoolerStale ? this.#pooler!.users : this.users;
    return users.get(username)?.passwords.includes(password) ?? false;
  }

  /** Whether the last login with it that the target judged was refused; false where none was made. */
  wasSeenRefused({ username, password }: Login): boolean {
    return this.#judged.get(`${username} ${password}`) === false;
  }

  noteLogin({ username, password }: Login, accepted: boolean, window: number): void {
    this.logins += 1;
    this.#judged.set(`${username} ${password}`, accepted);
    if (accepted) {
      this.#refusedAt.delete(username);
      return;
    }
    const recent = (this.#refusedAt.get(username) ?? []).filter((at) => at > this.time.now - window);
    recent.push(this.time.now);
    this.#refusedAt.set(username, recent);
    this.mostRefused = Math.max(this.mostRefused, recent.length);
  }
}

/** One server's way to the target: the network between them has faults of its own. */
export class TargetConnection extends FakeTarget {
  override readonly users: Map<string, FakeUser>;
  slow: { times: number; readonly milliseconds: number } | null = null;
  flaps = 0;
  hangs = 0;
  late: number | null = null;
  readonly #target: SimulatedTarget;
  readonly #effects: Effects;

  constructor(target: SimulatedTarget, effects: Effects) {
    super();
    this.users = target.users;
    this.#target = target;
    this.#effects = effects;
  }

  override mend(): void {
    super.mend();
    this.slow = null;
    this.flaps = 0;
    this.hangs = 0;
    this.late = null;
  }

  /** A server may fall asleep with its request on the way: nothing calls that back. */
  override async enter(operation: FakeOperation, username: string, signal: AbortSignal) {
    const { lives } = this.#target;
    await this.#effects.point('before', operation);
    if (this.#isHindered) await this.#hinder(operation, signal);
    const entered = await super.enter(operation, username, signal);
    await this.#effects.point('amid', operation);
    if (this.#target.lives !== lives) throw new RotatorError('unreachable', `The target was put back (${operation})`);
    return entered;
  }

  override accepts(username: string, password: string): boolean {
    return this.#target.letsIn(username, password);
  }

  override write(name: string, secret: string, number: number, passwords: readonly string[]): void {
    this.#target.onWriting(name, passwords);
    if (this.#target.defects.lacksFence) this.users.set(name, { sessions: 0, passwords, fence: { secret, number } });
    else super.write(name, secret, number, passwords);
    this.#target.onChanged();
  }

  get #isHindered(): boolean {
    return this.flaps > 0 || this.slow !== null || this.hangs > 0 || this.late !== null;
  }

  async #hinder(operation: FakeOperation, signal: AbortSignal): Promise<void> {
    const { time } = this.#target;
    if (this.flaps > 0) {
      this.flaps -= 1;
      if (this.flaps % 2 === 0) throw new RotatorError('unreachable', `The target comes and goes (${operation})`);
    }
    if (this.slow !== null) {
      const { milliseconds } = this.slow;
      this.slow.times -= 1;
      if (this.slow.times <= 0) this.slow = null;
      await time.pass(milliseconds);
    }
    if (this.hangs > 0) {
      this.hangs -= 1;
      await patience(time, signal, this.#effects);
    }
    if (this.late !== null && (operation === 'set' || operation === 'revoke')) {
      const milliseconds = this.late;
      this.late = null;
      await patience(time, signal, this.#effects);
      await time.later(milliseconds);
    }
  }
}

/** Time goes on while a call hangs; whoever called gives up at some point. */
async function patience(time: SimulatedTime, signal: AbortSignal, effects: Effects): Promise<void> {
  while (!signal.aborted) {
    if (effects.isGone) await effects.gone();
    await time.pass(1_000);
  }
}

/** The rotator that one server has for the target: the fake one, with its logins counted and its effects at hand. */
export function simulatedRotator(
  target: SimulatedTarget,
  connection: TargetConnection,
  effects: Effects,
  { strategies, loginWindow }: { readonly strategies: readonly Strategy[]; readonly loginWindow: number },
): Rotator {
  const rotator = fake(connection, { strategies });
  const after = async <T>(operation: FakeOperation, result: Promise<T>): Promise<T> => {
    const came = await result;
    await effects.point('after', operation);
    return came;
  };
  const note = (credential: string, accepted: boolean) => target.noteLogin(loginIn(credential), accepted, loginWindow);
  return {
    ...rotator,
    set: (request) => after('set', rotator.set(request)),
    revoke: (request) => after('revoke', revoke(rotator, target, request)),
    probe: async (request) => {
      const seen = await rotator.probe(request);
      const isJudged = seen.outcome === 'accepted' || seen.outcome === 'refused';
      if (isJudged) note(request.credential, seen.outcome === 'accepted');
      await effects.point('after', 'probe');
      if (target.defects.callsUnreachableRefused && !isJudged) return { outcome: 'refused', reason: 'refused' };
      return seen;
    },
    test: async (request) => {
      try {
        const tested = await rotator.test(request);
        note(request.pending, true);
        return await after('test', Promise.resolve(tested));
      } catch (error) {
        if (error instanceof RotatorError && error.class === 'refused-login') note(request.pending, false);
        throw error;
      }
    },
  };
}

async function revoke(rotator: Rotator, { defects }: SimulatedTarget, request: Parameters<Rotator['revoke']>[0]) {
  if (!defects.keepsRevoked) return rotator.revoke(request);
  return { findings: [], endedSessions: 0 };
}

export interface Login {
  readonly username: string;
  readonly password: string;
}

const parsed = new Map<string, Login>();

/** User name and password in a value; remembered, since those who check ask for the same ones again and again. */
export function loginIn(text: string): Login {
  const known = parsed.get(text);
  if (known !== undefined) return known;
  if (parsed.size > 1_000) parsed.clear();
  const { username, password } = JSON.parse(text);
  parsed.set(text, { username, password });
  return { username, password };
}
