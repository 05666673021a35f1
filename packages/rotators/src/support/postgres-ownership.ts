import { type Finding, messageOf } from '@rekey/core';
import { type Login, withSession } from './postgres-connection.ts';
import { quoteIdentifier } from './postgres-names.ts';

/**
 * How long the change of owner waits for a table in use, and with it everybody who comes after; milliseconds. Rather
 * reported and tried again at the next rotation than an application held up.
 */
const LOCK_WITHIN = 500;
/** Names said in a finding; beyond it the number. */
const NAMES_TOLD = 5;

/** Gives everything the alternate role came to own in this database to the original; or reports that it could not. */
export async function reassignOwned(
  login: Login,
  signal: AbortSignal,
  alternate: string,
  original: string,
  owned: readonly string[],
): Promise<Finding> {
  const statement = `REASSIGN OWNED BY ${quoteIdentifier(alternate)} TO ${quoteIdentifier(original)}`;
  const what = `${alternate} had come to own ${told(owned)}`;
  try {
    await withSession(login, signal, async (session) => {
      await session.query(`BEGIN; SET LOCAL lock_timeout = ${LOCK_WITHIN}; SET LOCAL ROLE NONE; ${statement}; COMMIT`);
    });
    return { kind: 'repaired', text: `${what}; ${original} owns it now`, statement };
  } catch (error) {
    return { kind: 'reported', text: `${what}, and giving it to ${original} failed: ${messageOf(error)}`, statement };
  }
}

function told(owned: readonly string[]): string {
  const names = owned.slice(0, NAMES_TOLD).join(', ');
  return owned.length > NAMES_TOLD ? `${names} and ${owned.length - NAMES_TOLD} more objects` : names;
}
