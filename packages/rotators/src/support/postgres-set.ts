import { type Finding, RotatorError, type SetRequest, type StepResult } from '@rekey/core';
import { freshAlternate } from './postgres-alternate.ts';
import {
  asAdmin,
  authorize,
  type Change,
  changeOf,
  checkMayChange,
  checkMayLogIn,
  existing,
  markFor,
  ProofNeeded,
  passwordStatement,
  writeMark,
  writePassword,
} from './postgres-change.ts';
import { type Session, withSession } from './postgres-connection.ts';
import { type PostgresCredential, postgresCredential } from './postgres-credential.ts';
import { LoginFailure, loginError, outcomeOf } from './postgres-failure.ts';
import { loginOutcome } from './postgres-login.ts';
import { type RoleFacts, readRoles } from './postgres-roles.ts';
import { fencedTransaction } from './postgres-transaction.ts';
import { writeAlternate } from './postgres-upkeep.ts';
import { scramVerifier } from './postgres-verifier.ts';

/** Makes the server accept *pending*: the admin credential does it where one is named, else the role itself. */
export async function setPending({ context, current, pending, previous }: SetRequest): Promise<StepResult> {
  const change = changeOf(context, current, pending);
  const before = previousLogin(change, previous);
  const findings =
    change.admin === null ? await changeItself(change, before) : await changeAsAdmin(change, change.admin, before);
  return { findings };
}

/** The value before the current one, where it is of the same role: a server put back from a backup may hold it. */
function previousLogin({ now }: Change, previous: string | null): PostgresCredential | null {
  const before = previous === null ? null : postgresCredential(previous);
  return before === null || before.username !== now.username ? null : before;
}

async function changeAsAdmin(
  change: Change,
  admin: PostgresCredential,
  before: PostgresCredential | null,
): Promise<readonly Finding[]> {
  return asAdmin(admin, change.context.signal, async (session) => {
    const write = (proven: boolean) =>
      fencedTransaction(session, change.original, () => writeAsAdmin(session, change, proven));
    try {
      return await write(false);
    } catch (error) {
      if (!(error instanceof ProofNeeded)) throw error;
    }
    await provePossession(change, before);
    return write(true);
  });
}

/**
 * A role this secret has not rotated before is changed only for a secret that can log in as it: otherwise whoever may
 * write a secret could have the admin credential hand out any role.
 */
async function provePossession(change: Change, before: PostgresCredential | null): Promise<void> {
  const { context, now, target } = change;
  for (const credential of differing(change, before)) {
    const { outcome, reason } = await loginOutcome(credential, context.signal);
    if (outcome === 'accepted') return;
    if (outcome !== 'refused')
      throw new RotatorError('unreachable', `Login of ${credential.username} at ${target}: ${reason}`);
  }
  throw new RotatorError(
    'refused-login',
    `${target} refuses the current credential of ${now.username}, and the role bears no mark of this secret`,
    {
      nextAction: 'Put the password the role has now as the current value, then rotate again.',
    },
  );
}

async function writeAsAdmin(session: Session, change: Change, proven: boolean) {
  const { context, next } = change;
  const names = change.alternate === null ? [next.username] : [change.original, change.alternate];
  const { roles, asker } = await readRoles(session, names);
  const original = existing(roles.get(names[0]!), names[0]!);
  checkMayLogIn(original);
  checkMayChange(original, asker);
  const findings =
    change.alternate === null
      ? authorize(original, context, proven)
      : await writeAlternate(session, change, change.alternate, roles, proven);
  const role = roles.get(next.username) ?? freshAlternate(next.username);
  await writePassword(session, role.name, await scramVerifier(next.password, context.random, asker.iterations));
  await writeMarks(session, change, [...roles.values()], role);
  return findings;
}

/** The role written to gets this rotation's number; the other one only learns whose it is, where it does not know. */
async function writeMarks(
  session: Session,
  change: Change,
  roles: readonly RoleFacts[],
  written: RoleFacts,
): Promise<void> {
  const others = roles.filter(({ name, mark }) => name !== written.name && mark?.secret !== change.context.secret.arn);
  for (const role of [written, ...others]) await writeMark(session, role, markFor(change, role.name));
}

/**
 * Without an admin credential the role changes its own password, logged in with *current*. Ordinary roles may not write
 * their own comment, so here the login itself is the fence: an older rotation's *current* is refused already, and one
 * that logged in before is cut off by the transaction's time limit.
 */
async function changeItself(change: Change, before: PostgresCredential | null): Promise<readonly Finding[]> {
  const { context, now, next } = change;
  const refusal = await writeLoggedInAs(change, now);
  if (refusal === null) return [];
  const applied = next.password === now.password ? null : await loginOutcome(next, context.signal);
  if (applied?.outcome === 'accepted') return [];
  if (applied !== null && applied.outcome !== 'refused') throw new RotatorError('unreachable', applied.reason);
  if (before !== null && (await writeLoggedInAs(change, before)) === null) return [];
  throw loginError(refusal, `${now.username} at ${change.target}`);
}

/** Null when it is written; the failure when the login was refused. */
async function writeLoggedInAs(change: Change, login: PostgresCredential): Promise<LoginFailure | null> {
  try {
    await withSession(login, change.context.signal, (session) =>
      fencedTransaction(session, change.original, () => writeAsItself(session, change)),
    );
    return null;
  } catch (error) {
    if (error instanceof LoginFailure && outcomeOf(error).outcome === 'refused') return error;
    throw error;
  }
}

/** Each password is tried once: a server may count what it refuses. */
function differing({ now, next }: Change, before: PostgresCredential | null): readonly PostgresCredential[] {
  const held = [now, next, ...(before === null ? [] : [before])];
  return held.filter(({ password }, index) => held.findIndex((other) => other.password === password) === index);
}

async function writeAsItself(session: Session, change: Change): Promise<void> {
  const { context, next } = change;
  await session.query('SET LOCAL ROLE NONE');
  const { roles, asker } = await readRoles(session, [next.username]);
  const role = existing(roles.get(next.username), next.username);
  if (role.mark !== null) authorize(role, context, true);
  await session.query(
    passwordStatement(role.name, await scramVerifier(next.password, context.random, asker.iterations)),
  );
  const mayComment = asker.superuser || (asker.createRole && asker.version < 16);
  if (mayComment) await writeMark(session, role, markFor(change, role.name));
}
