import { type PlanRequest, type RotationContext, type RotationPlan, RotatorError } from '@rekey/core';
import { createStatement, freshAlternate, upkeep } from './postgres-alternate.ts';
import {
  adminOf,
  asAdmin,
  needsSuperuser,
  passwordStatement,
  successorOf,
  whyNoPasswordHelps,
} from './postgres-change.ts';
import { type Session, withSession } from './postgres-connection.ts';
import { originalOf, type PostgresCredential, postgresCredential } from './postgres-credential.ts';
import { readMemberships } from './postgres-dependents.ts';
import { loginOutcome } from './postgres-login.ts';
import { alternateNameOf, quoteIdentifier } from './postgres-names.ts';
import { type AskerFacts, type RoleFacts, readRoles } from './postgres-roles.ts';
import { readingTransaction } from './postgres-transaction.ts';

/**
 * Milliseconds between the change of a role's only password and the promotion: one login and two commits. Measured on
 * a loopback server at 20 to 60; said generously.
 */
const SWITCH_WINDOW = 250;
const REDACTED_VERIFIER = 'SCRAM-SHA-256$…';

/** What a rotation would do now, and what it lacks. Reads catalogues in a transaction that is rolled back. */
export async function planRotation({ context, current }: PlanRequest): Promise<RotationPlan> {
  const now = postgresCredential(current);
  const admin = adminOf(context, now);
  const look = (session: Session) => readingTransaction(session, () => planned(session, context, now, admin !== null));
  if (admin === null) return withSession(now, context.signal, look);
  const plan = await asAdmin(admin, context.signal, look);
  const { outcome, reason } = await loginOutcome(now, context.signal);
  if (outcome === 'accepted') return plan;
  return {
    ...plan,
    warnings: [`The current credential of ${now.username} does not log in: ${reason}`, ...plan.warnings],
  };
}

interface Sight {
  readonly asker: AskerFacts;
  readonly original: RoleFacts;
  readonly alternate: RoleFacts | null;
  readonly next: string;
  /** Roles among the two that the asker has ADMIN on. */
  readonly administered: readonly string[];
}

async function planned(session: Session, context: RotationContext, now: PostgresCredential, byAdmin: boolean) {
  const sight = await look(session, context, now);
  const alternating = context.strategy === 'alternating-users';
  return {
    strategy: context.strategy,
    statements: [
      ...(alternating ? await alternateStatements(session, sight) : []),
      passwordStatement(sight.next, REDACTED_VERIFIER),
    ],
    needs: byAdmin ? missingGrants(sight) : [],
    warnings: [
      ...warnings(sight, await passwordEncryption(session)),
      ...(alternating ? [sessionUserWarning(sight)] : []),
    ],
    expectedWindow: alternating ? 0 : SWITCH_WINDOW,
  };
}

async function look(session: Session, context: RotationContext, now: PostgresCredential): Promise<Sight> {
  const alternating = context.strategy === 'alternating-users';
  const originalName = alternating ? originalOf(now) : now.username;
  const alternateName = alternating ? alternateNameOf(originalName) : null;
  const { roles, asker } = await readRoles(
    session,
    alternateName === null ? [originalName] : [originalName, alternateName],
  );
  const original = roles.get(originalName);
  if (original === undefined)
    throw new RotatorError('refused-login', `There is no role ${originalName}`, {
      nextAction: 'Create the role, or correct the username in the secret.',
    });
  const administered = await readAdministered(session, [...roles.keys()]);
  const alternate = alternateName === null ? null : (roles.get(alternateName) ?? null);
  return { asker, original, alternate, next: successorOf(context, now).username, administered };
}

async function readAdministered(session: Session, names: readonly string[]): Promise<readonly string[]> {
  const rows = await session.query<{ name: string }>(
    `select r.rolname as name from pg_catalog.pg_roles r
      where r.rolname = any ($1) and pg_catalog.pg_has_role(r.oid, 'MEMBER WITH ADMIN OPTION')`,
    [names],
  );
  return rows.map(({ name }) => name);
}

async function alternateStatements(
  session: Session,
  { asker, original, alternate }: Sight,
): Promise<readonly string[]> {
  const { version } = asker;
  if (alternate === null) {
    const fresh = freshAlternate(alternateNameOf(original.name));
    const steps = upkeep({ version, original, alternate: fresh, membership: { inherits: false, maySwitch: false } });
    return [createStatement(fresh.name), ...steps.map(({ statement }) => statement)];
  }
  const { inOriginal: membership } = await readMemberships(session, alternate.id, original);
  return upkeep({ version, original, alternate, membership }).map(({ statement }) => statement);
}

/** What a superuser must run first: CREATEROLE for the admin credential, and since 16 ADMIN on each role it changes. */
function missingGrants({ asker, original, alternate, administered }: Sight): readonly string[] {
  if (asker.superuser) return [];
  const admin = quoteIdentifier(asker.name);
  if (needsSuperuser(original, asker.version)) return [`ALTER ROLE ${admin} SUPERUSER;`];
  const needs = asker.createRole ? [] : [`ALTER ROLE ${admin} CREATEROLE;`];
  if (asker.version < 16) return needs;
  const changed = alternate === null ? [original.name] : [original.name, alternate.name];
  const lacking = changed.filter((name) => !administered.includes(name));
  return [...needs, ...lacking.map((name) => `GRANT ${quoteIdentifier(name)} TO ${admin} WITH ADMIN OPTION;`)];
}

function warnings({ original, alternate }: Sight, encryption: string): readonly string[] {
  const dead = [original, alternate].flatMap((role) => {
    const mend = role === null ? null : whyNoPasswordHelps(role);
    return mend === null ? [] : [`The role ${role?.name} cannot log in: ${mend.why}; run: ${mend.statement}`];
  });
  const strange = alternate !== null && alternate.mark?.alternateOf !== original.name;
  return [
    ...dead,
    ...(strange
      ? [`The role ${alternate.name} exists and is not rekey's: it would not be touched, and the rotation refused`]
      : []),
    ...(encryption === 'scram-sha-256'
      ? []
      : ['The server makes MD5 passwords: clients too old for SCRAM would be refused after the rotation']),
  ];
}

function sessionUserWarning({ original }: Sight): string {
  const alternate = alternateNameOf(original.name);
  return `Applications log in as ${original.name} and ${alternate} in turn: session_user and pg_stat_activity show it, current_user stays ${original.name}; lines of pg_hba.conf that name ${original.name} must name ${alternate}, too`;
}

async function passwordEncryption(session: Session): Promise<string> {
  const [row] = await session.query<{ password_encryption: string }>('show password_encryption');
  return row?.password_encryption ?? '';
}
