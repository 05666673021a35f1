import { type Finding, RotatorError, type StepResult, type TestRequest } from '@rekey/core';
import { type UpkeepStep, upkeep } from './postgres-alternate.ts';
import { asAdmin, type Change, changeOf, whyNoPasswordHelps } from './postgres-change.ts';
import { type Login, type Session, withSession } from './postgres-connection.ts';
import { type Dependents, readDependents, readMemberships, readNamedGrants } from './postgres-dependents.ts';
import { LoginFailure, loginError } from './postgres-failure.ts';
import { quoteIdentifier } from './postgres-names.ts';
import { reassignOwned } from './postgres-ownership.ts';
import { poolerOf } from './postgres-pooler.ts';
import { type RoleFacts, readRoles } from './postgres-roles.ts';
import { actingRole } from './postgres-settings.ts';
import { readingTransaction } from './postgres-transaction.ts';

/** Logs in as applications will, directly and through the pooler, and compares what the two roles may do. */
export async function testPending({ context, current, pending }: TestRequest): Promise<StepResult> {
  const change = changeOf(context, current, pending);
  const direct = await withSession(change.next, context.signal, (session) => look(session, change)).catch((error) =>
    explainRefusal(error, change),
  );
  const pooler = poolerOf(context.settings);
  if (pooler !== null) await throughPooler(change, { ...change.next, ...pooler }, direct.actsAs);
  return { findings: [...direct.findings, ...(await repairOwnership(change, direct.dependents))] };
}

interface Looked {
  readonly actsAs: string;
  readonly findings: readonly Finding[];
  /** What belongs to the alternate role or names it; null by other strategies. */
  readonly dependents: Dependents | null;
}

async function look(session: Session, change: Change): Promise<Looked> {
  return readingTransaction(session, async () => {
    const { actsAs } = await checkIdentity(session, change.next.username, 'the server');
    if (change.alternate === null) return { actsAs, findings: [], dependents: null };
    return compare(session, change, change.alternate, actsAs);
  });
}

async function checkIdentity(session: Session, username: string, where: string) {
  const [row] = await session.query<{ logged_in_as: string; acts_as: string }>(
    'select session_user::pg_catalog.text as logged_in_as, current_user::pg_catalog.text as acts_as',
  );
  if (row?.logged_in_as !== username)
    throw new RotatorError('conflict', `${where} takes a login of ${username} for ${row?.logged_in_as}`, {
      nextAction: 'Correct the user map of the server or pooler.',
    });
  return { actsAs: row.acts_as };
}

async function compare(session: Session, change: Change, name: string, actsAs: string): Promise<Looked> {
  const { roles } = await readRoles(session, [change.original, name]);
  const original = roles.get(change.original);
  const alternate = roles.get(name);
  if (original === undefined || alternate === undefined) return { actsAs, findings: [], dependents: null };
  checkActingRole(change, original, actsAs);
  const memberships = await readMemberships(session, alternate.id, original);
  const dependents = await readDependents(session, alternate.id);
  const steps = upkeep({ version: session.version, original, alternate, membership: memberships.inOriginal });
  const essential = steps.find((step) => step.essential);
  if (essential !== undefined) throw notStandingIn(essential);
  const granted = dependents.granted === 0 ? [] : await readNamedGrants(session, alternate.id, original);
  const named = [...granted, ...memberships.named];
  const findings: Finding[] = [
    ...steps.map(({ difference, statement }): Finding => ({ kind: 'reported', text: difference, statement })),
    ...named.map(({ text, statement }): Finding => {
      return { kind: 'reported', text: `${text} is granted to ${alternate.name} only`, statement };
    }),
    ...elsewhere(dependents, original, alternate),
  ];
  return { actsAs, findings, dependents };
}

/** Whoever logs in as either role must act as the same one, or what is created tomorrow has another owner. */
function checkActingRole({ next, original, alternate }: Change, facts: RoleFacts, actsAs: string): void {
  const expected =
    next.username === alternate
      ? actingRole(original, facts.settings, next.dbname)
      : (ownActingRole(facts, next.dbname) ?? original);
  if (actsAs === expected) return;
  throw new RotatorError('missing-privilege', `A login of ${next.username} acts as ${actsAs}, not as ${expected}`, {
    nextAction: `Run: ALTER ROLE ${quoteIdentifier(next.username)} SET role TO ${quoteIdentifier(expected)};`,
  });
}

function ownActingRole({ settings }: RoleFacts, database: string): string | null {
  const roles = settings.filter(({ name, value }) => name === 'role' && value !== 'none');
  const found =
    roles.find((setting) => setting.database === database) ?? roles.find((setting) => setting.database === null);
  return found?.value ?? null;
}

function notStandingIn({ difference, statement }: UpkeepStep): RotatorError {
  return new RotatorError('missing-privilege', difference, { nextAction: `Run: ${statement};` });
}

function elsewhere(
  { elsewhere: databases }: Dependents,
  original: RoleFacts,
  alternate: RoleFacts,
): readonly Finding[] {
  return databases.map(({ database, owned, granted }) => ({
    kind: 'reported',
    text: `In the database ${database}, ${alternate.name} owns ${owned} objects and is named in the grants of ${granted}`,
    statement:
      owned === 0 ? null : `REASSIGN OWNED BY ${quoteIdentifier(alternate.name)} TO ${quoteIdentifier(original.name)};`,
  }));
}

/** Logged in as the alternate role itself, which may give away what is its own to the role it is a member of. */
async function repairOwnership(change: Change, dependents: Dependents | null): Promise<readonly Finding[]> {
  if (change.alternate === null || dependents === null || dependents.owned.length === 0) return [];
  const login = change.next.username === change.alternate ? change.next : change.now;
  return [await reassignOwned(login, change.context.signal, change.alternate, change.original, dependents.owned)];
}

async function throughPooler(change: Change, login: Login, actsAs: string): Promise<void> {
  const where = `the pooler ${login.host}:${login.port}`;
  try {
    await withSession(login, change.context.signal, async (session) => {
      const seen = await checkIdentity(session, login.username, where);
      if (seen.actsAs !== actsAs)
        throw new RotatorError(
          'conflict',
          `Through ${where}, ${login.username} acts as ${seen.actsAs}, not as ${actsAs}`,
        );
    });
  } catch (error) {
    if (error instanceof LoginFailure) throw loginError(error, `${login.username} through ${where}`);
    throw error;
  }
}

/** A refusal that no password would have avoided is named as what it is, where the admin credential can look. */
async function explainRefusal(error: unknown, change: Change): Promise<never> {
  if (!(error instanceof LoginFailure)) throw error;
  const failure = loginError(error, `${change.next.username} at ${change.target}`);
  if (failure.class !== 'refused-login' || change.admin === null) throw failure;
  const seen = await asAdmin(change.admin, change.context.signal, (session) =>
    readRoles(session, [change.next.username]),
  ).catch(() => null);
  const role = seen?.roles.get(change.next.username);
  const mend = role === undefined ? null : whyNoPasswordHelps(role);
  if (mend === null) throw failure;
  throw new RotatorError(
    'missing-privilege',
    `${failure.message}; the role ${role?.name} lets no password in: ${mend.why}`,
    {
      nextAction: `Run: ${mend.statement}`,
    },
  );
}
