import { type Finding, type RotationContext, RotatorError } from '@rekey/core';
import { type Session, withSession } from './postgres-connection.ts';
import { originalOf, type PostgresCredential, postgresCredential, targetOf } from './postgres-credential.ts';
import { LoginFailure, loginError } from './postgres-failure.ts';
import { type Mark, standingOf, withMark } from './postgres-mark.ts';
import { alternateNameOf, quoteIdentifier, quoteLiteral } from './postgres-names.ts';
import type { AskerFacts, RoleFacts } from './postgres-roles.ts';

/** What the steps of one rotation share: the login now in use, the one to come, and the names of both roles. */
export interface Change {
  readonly context: RotationContext;
  readonly now: PostgresCredential;
  readonly next: PostgresCredential;
  /** The role that owns everything. */
  readonly original: string;
  /** The alternate role; null by other strategies. */
  readonly alternate: string | null;
  /** Login of the admin credential on the secret's database; null where the role changes itself. */
  readonly admin: PostgresCredential | null;
  readonly target: string;
}

/**
 * Reads both credentials and refuses a pending one that the strategy did not make of current: one that was left behind
 * before *current* or the strategy changed, say. The engine then makes another, once it is proven to log in nowhere.
 */
export function changeOf(context: RotationContext, current: string, pending: string): Change {
  const now = postgresCredential(current);
  const next = postgresCredential(pending);
  const expected = successorOf(context, now);
  if (next.username !== expected.username || next.alternateOf !== expected.alternateOf)
    throw new RotatorError(
      'rejected-value',
      `The pending username is not the one ${context.strategy} makes of current`,
      {
        nextAction: 'Remove the pending version and rotate again; never write the username of a pending value by hand.',
      },
    );
  const original = originalOf(now);
  const alternate = context.strategy === 'alternating-users' ? alternateNameOf(original) : null;
  return { context, now, next, original, alternate, admin: adminOf(context, now), target: targetOf(now) };
}

/** Username and origin of the credential that follows. */
export function successorOf(context: RotationContext, now: PostgresCredential) {
  if (context.strategy !== 'alternating-users') return { username: now.username, alternateOf: now.alternateOf };
  return now.alternateOf === null
    ? { username: alternateNameOf(now.username), alternateOf: now.username }
    : { username: now.alternateOf, alternateOf: null };
}

/** The admin credential on the secret's own database; null if none is named or it is the very role that rotates. */
export function adminOf(context: RotationContext, now: PostgresCredential): PostgresCredential | null {
  const admin = context.admin === null ? null : postgresCredential(context.admin);
  if (admin !== null && admin.username !== now.username && admin.username !== originalOf(now))
    return { ...admin, dbname: now.dbname };
  if (context.strategy !== 'alternating-users') return null;
  throw new RotatorError('rejected-form', 'alternating-users needs an admin credential other than the role itself', {
    nextAction: 'Name the secret of a role with CREATEROLE in the member masterarn, or choose single-user.',
  });
}

/** Thrown inside a transaction where a role bears no mark of this secret and proof of possession is still owed. */
export class ProofNeeded extends Error {}

/**
 * Lets a write to the role pass, or throws: `conflict` when a newer rotation wrote, {@link ProofNeeded} when the role is
 * not known as this secret's. With proof, a role of another secret is taken over and that is reported.
 */
export function authorize(role: RoleFacts, context: RotationContext, proven: boolean): readonly Finding[] {
  const standing = standingOf(role.mark, context.secret.arn, context.fence);
  if (standing.kind === 'superseded')
    throw new RotatorError(
      'conflict',
      `Rotation ${standing.fence} already wrote to the role ${role.name}; this is ${context.fence}`,
      { observedFence: standing.fence, nextAction: 'Nothing: the newer rotation counts.' },
    );
  if (standing.kind === 'ours') return [];
  if (!proven) throw new ProofNeeded();
  if (standing.kind !== 'foreign') return [];
  const text = `The role ${role.name} was rotated by ${standing.secret} until now; this secret takes over, because its credential logs in`;
  return [{ kind: 'reported', text, statement: null }];
}

/** Gives the role the verifier, and the mark that fences out older rotations. */
export async function writePassword(session: Session, role: string, verifier: string): Promise<void> {
  await session.query(passwordStatement(role, verifier));
}

export function passwordStatement(role: string, verifier: string): string {
  return `ALTER ROLE ${quoteIdentifier(role)} PASSWORD ${quoteLiteral(verifier)}`;
}

export async function writeMark(session: Session, role: RoleFacts, mark: Mark): Promise<void> {
  await session.query(markStatement(role, mark));
}

export function markStatement(role: Pick<RoleFacts, 'name' | 'comment'>, mark: Mark): string {
  return `COMMENT ON ROLE ${quoteIdentifier(role.name)} IS ${quoteLiteral(withMark(role.comment, mark))}`;
}

/** A session of the admin credential; a refusal names it, so that nobody looks for the fault at the role that rotates. */
export async function asAdmin<T>(
  admin: PostgresCredential,
  signal: AbortSignal,
  work: (session: Session) => Promise<T>,
): Promise<T> {
  try {
    return await withSession(admin, signal, work);
  } catch (error) {
    if (error instanceof LoginFailure)
      throw loginError(error, `the admin credential (${admin.username}) at ${targetOf(admin)}`, { refusedAdmin: true });
    throw error;
  }
}

/** Some roles only a superuser may change: superusers, and before 16 those with REPLICATION. */
export function checkMayChange(role: RoleFacts, asker: AskerFacts): void {
  if (asker.superuser || !needsSuperuser(role, asker.version)) return;
  const attribute = role.superuser ? 'SUPERUSER' : 'REPLICATION';
  throw new RotatorError(
    'missing-privilege',
    `Only a superuser may change the role ${role.name}: it has ${attribute}`,
    {
      nextAction: `Take ${attribute} from the role, or name a superuser as the admin credential.`,
    },
  );
}

export function needsSuperuser(role: RoleFacts, version: number): boolean {
  return role.superuser || (role.replication && version < 16);
}

/** A role that no password lets in: said before anything is written, with the statement that mends it. */
export function checkMayLogIn(role: RoleFacts): void {
  const mend = whyNoPasswordHelps(role);
  if (mend === null) return;
  throw new RotatorError('missing-privilege', `The role ${role.name} cannot log in with any password: ${mend.why}`, {
    nextAction: `Run: ${mend.statement}`,
  });
}

export function whyNoPasswordHelps(role: RoleFacts): { readonly why: string; readonly statement: string } | null {
  const alter = `ALTER ROLE ${quoteIdentifier(role.name)}`;
  if (!role.canLogIn) return { why: 'it is NOLOGIN', statement: `${alter} LOGIN;` };
  if (role.expired)
    return { why: `its VALID UNTIL (${role.validUntil}) has passed`, statement: `${alter} VALID UNTIL 'infinity';` };
  return null;
}

/** The mark that this rotation leaves on a role. */
export function markFor({ context, alternate, original, next }: Change, role: string): Mark {
  const isAlternate = role === alternate || (role === next.username && next.alternateOf !== null);
  return { secret: context.secret.arn, fence: context.fence, alternateOf: isAlternate ? original : null };
}

export function existing(role: RoleFacts | undefined, name: string): RoleFacts {
  if (role !== undefined) return role;
  throw new RotatorError('refused-login', `There is no role ${name}`, {
    nextAction: 'Create the role, or correct the username in the secret.',
  });
}
