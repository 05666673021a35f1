import { spawnSync } from 'node:child_process';

/** An account of this machine, by its numbers. */
export interface Account {
  readonly name: string;
  readonly userId: number;
  readonly groupId: number;
}

/** In this order: `postgres` where the distribution made it, else `nobody`, which every system lists. */
const CANDIDATES = ['postgres', '_postgres', 'nobody'];

/**
 * Who PostgreSQL is to run as. It refuses to run as root, and wants its account listed in passwd; so root borrows an
 * account without privileges, and everybody else runs it as themselves (`null`).
 */
export function unprivilegedAccount(): Account | null {
  if (process.getuid?.() !== 0) return null;
  for (const name of CANDIDATES) {
    const account = findAccount(name);
    if (account !== null && account.userId !== 0) return account;
  }
  throw new Error(`PostgreSQL does not run as root and none of the accounts ${CANDIDATES.join(', ')} exists: add one.`);
}

function findAccount(name: string): Account | null {
  const userId = idOf('-u', name);
  const groupId = idOf('-g', name);
  return userId === null || groupId === null ? null : { name, userId, groupId };
}

function idOf(option: '-u' | '-g', name: string): number | null {
  const answer = spawnSync('id', [option, name], { encoding: 'utf8' });
  return answer.status === 0 ? Number(answer.stdout.trim()) : null;
}
