import { type Finding, RotatorError, type SetRequest, type StepResult } from '@rekey/core';
import { createStatement, freshAlternate, type UpkeepStep, upkeep } from './postgres-alternate.ts';
import {
  asAdmin,
  authorize,
  type Change,
  changeOf,
  checkMayChange,
  checkMayLogIn,
  markStatement,
  ProofNeeded,
  passwordStatement,
  writeMark,
  writePassword,
} from './postgres-change.ts';
import { type Session, withSession } from './postgres-connection.ts';
import type { PostgresCredential } from './postgres-credential.ts';
import { type Memberships, readDependents, readMemberships, readNamedGrants } from './postgres-dependents.ts';
import { LoginFailure, loginError, outcomeOf } from './postgres-failure.ts';
import { loginOutcome } from './postgres-login.ts';
import type { Mark } from './postgres-mark.ts';
import { type AskerFacts, type RoleFacts, readRoles } from './postgres-roles.ts';
import { fencedTransaction, tryStatement } from './postgres-transaction.ts';
import { scramVerifier } from './postgres-verifier.ts';

/** Makes the server accept *pending*: the admin credential does it where one is named, else the role itself. */
export async function setPending({ context, current, pending }: SetRequest): Promise<StepResult> {
  const change = changeOf(context, current, pending);
  const findings = change.admin === null ? await changeItself(change) : await changeAsAdmin(change, change.admin);
  return { findings };
}

async function changeAsAdmin(change: Change, admin: PostgresCredential): Promise<readonly Finding[]> {
  return asAdmin(admin, change.context.signal, async (session) => {
    const write = (proven: boolean) =>
      fencedTransaction(session, change.original, () => writeAsAdmin(session, change, proven));
    try {
      return await write(false);
    } catch (error) {
      if (!(error instanceof ProofNeeded)) throw error;
    }
    await provePossession(change);
    return write(true);
  });
}

/**
 * A role this secret has not rotated before is changed only for a secret that can log in as it: otherwise whoever may
 * write a secret could have the admin credential hand out any role.
 */
async function provePossession({ context, now, next, target }: Change): Promise<void> {
  for (const credential of [now, next]) {
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
      : await writeAlternate(session, asker, change, change.alternate, roles, proven);
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

function markFor({ context, alternate, original, next }: Change, role: string): Mark {
  const isAlternate = role === alternate || (role === next.username && next.alternateOf !== null);
  return { secret: context.secret.arn, fence: context.fence, alternateOf: isAlternate ? original : null };
}

/** Makes or mends the alternate role, unless *pending* is the original and there is no alternate to mend. */
async function writeAlternate(
  session: Session,
  asker: AskerFacts,
  change: Change,
  name: string,
  roles: ReadonlyMap<string, RoleFacts>,
  proven: boolean,
): Promise<readonly Finding[]> {
  const original = existing(roles.get(change.original), change.original);
  const found = roles.get(name);
  const findings = [...authorize(original, change.context, proven)];
  if (found === undefined && change.next.username !== name) return findings;
  if (found === undefined) {
    await session.query(createStatement(name));
    const facts = { version: asker.version, original, alternate: freshAlternate(name), membership: NO_MEMBER };
    await runSteps(session, upkeep(facts));
    return findings;
  }
  findings.push(...authorizeAlternate(found, change, proven));
  const memberships = await readMemberships(session, found.id, original);
  const facts = { version: asker.version, original, alternate: found, membership: memberships.inOriginal };
  const repaired = await runSteps(session, upkeep(facts));
  return [...findings, ...repaired, ...(await giveNamedGrants(session, found, original, memberships))];
}

const NO_MEMBER = { inherits: false, maySwitch: false };

/** Never touches a role that rekey did not make as the alternate of this very original. */
function authorizeAlternate(alternate: RoleFacts, change: Change, proven: boolean): readonly Finding[] {
  if (alternate.mark?.alternateOf === change.original) return authorize(alternate, change.context, proven);
  const restore = markStatement(alternate, markFor(change, alternate.name));
  throw new RotatorError(
    'conflict',
    `The role ${alternate.name} exists and bears no mark of an alternate of ${change.original}`,
    {
      nextAction: `Rename or drop that role; if it is the alternate and lost its comment, run: ${restore}`,
    },
  );
}

/** Does what it may; what it may not is found and named by the comparison that follows in `test`. */
async function runSteps(session: Session, steps: readonly UpkeepStep[]): Promise<readonly Finding[]> {
  const findings: Finding[] = [];
  for (const { statement, difference, essential } of steps) {
    if (essential) await session.query(statement);
    const done = essential || (await tryStatement(session, statement));
    if (done) findings.push({ kind: 'repaired', text: difference, statement });
  }
  return findings;
}

async function giveNamedGrants(session: Session, alternate: RoleFacts, original: RoleFacts, seen: Memberships) {
  const found = [...(await readGrantsIfAny(session, alternate, original)), ...seen.named];
  if (found.length === 0) return [];
  for (const { statement } of found) await tryStatement(session, statement);
  const left = [
    ...(await readGrantsIfAny(session, alternate, original)),
    ...(await readMemberships(session, alternate.id, original)).named,
  ];
  return found
    .filter(({ statement }) => !left.some((grant) => grant.statement === statement))
    .map(({ text, statement }): Finding => {
      const given = `${text} had been granted to ${alternate.name} only; ${original.name} has it now, too`;
      return { kind: 'repaired', text: given, statement };
    });
}

async function readGrantsIfAny(session: Session, alternate: RoleFacts, original: RoleFacts) {
  const { granted } = await readDependents(session, alternate.id);
  return granted === 0 ? [] : readNamedGrants(session, alternate.id, original);
}

function existing(role: RoleFacts | undefined, name: string): RoleFacts {
  if (role !== undefined) return role;
  throw new RotatorError('refused-login', `There is no role ${name}`, {
    nextAction: 'Create the role, or correct the username in the secret.',
  });
}

/**
 * Without an admin credential the role changes its own password, logged in with *current*. Ordinary roles may not write
 * their own comment, so here the login itself is the fence: an older rotation's *current* is refused already, and one
 * that logged in before is cut off by the transaction's time limit.
 */
async function changeItself(change: Change): Promise<readonly Finding[]> {
  const { context, now, next } = change;
  try {
    await withSession(now, context.signal, (session) =>
      fencedTransaction(session, change.original, () => writeAsItself(session, change)),
    );
  } catch (error) {
    if (!(error instanceof LoginFailure) || outcomeOf(error).outcome !== 'refused') throw error;
    const applied = await loginOutcome(next, context.signal);
    if (applied.outcome === 'refused') throw loginError(error, `${now.username} at ${change.target}`);
    if (applied.outcome !== 'accepted') throw new RotatorError('unreachable', applied.reason);
  }
  return [];
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
