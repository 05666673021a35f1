import {
  type CreateRequest,
  type Lacks,
  type ProbeRequest,
  type ProbeResult,
  type RandomSource,
  type RevokeRequest,
  type RevokeResult,
  type RotationContext,
  type Rotator,
  RotatorError,
  type SessionsRequest,
  type SessionsResult,
  type SetRequest,
  type StepResult,
  type Strategy,
  type TestRequest,
} from '@rekey/core';
import { parseCredential, requiredText, withFields } from './support/credential.ts';
import { FakeTarget, passwordsAfterSet, UNCLEAR } from './support/fake-target.ts';
import { newPassword } from './support/password.ts';

export { type FakeFault, type FakeOperation, FakeTarget, type FakeUser } from './support/fake-target.ts';

export interface FakeOptions {
  readonly strategies?: readonly Strategy[];
  readonly lacks?: Lacks;
}

/**
 * A rotator whose target lives in memory: what engine tests run against. It keeps every promise a real one must keep
 * (it passes the same conformance suite) and fails where {@link FakeTarget.breaks} tells it to.
 */
export function fake(target: FakeTarget = new FakeTarget(), options: FakeOptions = {}): Rotator {
  return {
    name: 'fake',
    strategies: options.strategies ?? ['single-user', 'alternating-users'],
    lacks: options.lacks ?? {},
    target: (credential) => `fake://${requiredText(parseCredential(credential), 'host')}`,
    plan: async ({ context, current }) => {
      await target.enter('plan', login(current).username, context.signal);
      return {
        strategy: context.strategy,
        statements: [`CHANGE PASSWORD OF ${nextUsername(context.strategy, login(current).username)}`],
        needs: [],
        warnings: [],
        expectedWindow: context.strategy === 'single-user' ? 100 : 0,
      };
    },
    create: (request) => create(target, request),
    set: (request) => set(target, request),
    test: (request) => test(target, request),
    revoke: (request) => revoke(target, request),
    probe: (request) => probe(target, request),
    sessions: (request) => sessions(target, request),
    decoy: (credential: string, random: RandomSource) => withFields(credential, { password: newPassword(random) }),
  };
}

async function create(target: FakeTarget, { context, current }: CreateRequest) {
  const { username } = login(current);
  const { leave } = await target.enter('create', username, context.signal);
  leave();
  const changes = { username: nextUsername(context.strategy, username), password: newPassword(context.random) };
  return { pending: withFields(current, changes) };
}

async function set(target: FakeTarget, { context, current, pending, previous }: SetRequest): Promise<StepResult> {
  const next = login(pending);
  const { leave } = await target.enter('set', next.username, context.signal);
  const expected = nextUsername(context.strategy, login(current).username);
  if (next.username !== expected)
    throw new RotatorError('rejected-value', `The pending username ${next.username} is not ${expected}`);
  const held = [login(current), next, ...(previous === null ? [] : [login(previous)])];
  mayChange(target, context, held);
  const passwords = target.users.get(next.username)?.passwords ?? [];
  target.write(
    next.username,
    context.secret.arn,
    context.fence,
    passwordsAfterSet(context.strategy, passwords, { pending: next.password, current: login(current).password }),
  );
  leave();
  return { findings: [] };
}

async function test(target: FakeTarget, { context, pending }: TestRequest): Promise<StepResult> {
  const next = login(pending);
  const { leave } = await target.enter('test', next.username, context.signal);
  if (!target.accepts(next.username, next.password))
    throw new RotatorError('refused-login', `The fake target refuses the pending credential of ${next.username}`);
  leave();
  return { findings: [] };
}

async function revoke(target: FakeTarget, { context, retired, current }: RevokeRequest): Promise<RevokeResult> {
  const old = login(retired);
  const { leave } = await target.enter('revoke', old.username, context.signal);
  const user = target.users.get(old.username);
  let endedSessions = 0;
  if (user !== undefined && !(old.username === login(current).username && old.password === login(current).password)) {
    const kept = user.passwords.filter((password) => password !== old.password);
    target.write(old.username, context.secret.arn, context.fence, kept);
    if (context.settings.endSessions) endedSessions = target.endSessions(old.username);
  }
  leave();
  return { findings: [], endedSessions, endedInFlight: 0 };
}

async function sessions(target: FakeTarget, { context, held, current }: SessionsRequest): Promise<SessionsResult> {
  const { username } = login(held);
  const { leave } = await target.enter('sessions', username, context.signal);
  leave();
  return { sessions: username === login(current).username ? null : (target.users.get(username)?.sessions ?? 0) };
}

async function probe(target: FakeTarget, { credential, signal }: ProbeRequest): Promise<ProbeResult> {
  const { username, password } = login(credential);
  try {
    (await target.enter('probe', username, signal)).leave();
  } catch (error) {
    if (!(error instanceof RotatorError)) throw error;
    return { outcome: error.cause === UNCLEAR ? 'unclear' : 'unreachable', reason: error.message };
  }
  if (target.accepts(username, password)) return { outcome: 'accepted', reason: `${username} logged in` };
  return { outcome: 'refused', reason: `${username} was refused` };
}

/** The admin credential may change users it finds; without one, a user changes itself while it still logs in. */
function mayChange(target: FakeTarget, context: RotationContext, held: readonly Login[]): void {
  const accepted = (who: Login) => target.accepts(who.username, who.password);
  if (context.admin !== null) {
    if (!accepted(login(context.admin)))
      throw new RotatorError('refused-login', 'The fake target refuses the admin credential', { refusedAdmin: true });
    return;
  }
  if (context.strategy === 'alternating-users')
    throw new RotatorError('rejected-form', 'alternating-users needs an admin credential', {
      nextAction: 'Name one in the member masterarn.',
    });
  if (!held.some(accepted))
    throw new RotatorError('refused-login', `The fake target refuses the current credential of ${held[0]?.username}`);
}

interface Login {
  readonly username: string;
  readonly password: string;
}

function login(credential: string): Login {
  const fields = parseCredential(credential);
  return { username: requiredText(fields, 'username'), password: requiredText(fields, 'password') };
}

function nextUsername(strategy: Strategy, username: string): string {
  if (strategy !== 'alternating-users') return username;
  return username.endsWith('_clone') ? username.slice(0, -'_clone'.length) : `${username}_clone`;
}
