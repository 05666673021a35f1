import { type Finding, RotatorError } from '@rekey/core';
import { createStatement, freshAlternate, type UpkeepStep, upkeep } from './postgres-alternate.ts';
import { authorize, type Change, existing, markFor, markStatement } from './postgres-change.ts';
import type { Session } from './postgres-connection.ts';
import { type Memberships, readDependents, readMemberships, readNamedGrants } from './postgres-dependents.ts';
import type { RoleFacts } from './postgres-roles.ts';
import { tryStatement } from './postgres-transaction.ts';

/** Makes or mends the alternate role, unless *pending* is the original and there is no alternate to mend. */
export async function writeAlternate(
  session: Session,
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
    const facts = { version: session.version, original, alternate: freshAlternate(name), membership: NO_MEMBER };
    await runSteps(session, upkeep(facts));
    return findings;
  }
  findings.push(...authorizeAlternate(found, change, proven));
  const memberships = await readMemberships(session, found.id, original);
  const facts = { version: session.version, original, alternate: found, membership: memberships.inOriginal };
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
