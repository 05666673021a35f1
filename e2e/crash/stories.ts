import type { SecretsClient } from '@rekey/client';
import { secretPath, textOf } from '../support/clients.ts';
import type { DatabaseCredential, PostgresTarget } from '../support/postgres-target.ts';

/** Long enough to see that current stays accepted, short enough to wait for. */
export const OVERLAP = '1s';
export const SECRET = 'shop/database';

export interface Play {
  readonly client: SecretsClient;
  readonly target: PostgresTarget;
  readonly role: DatabaseCredential;
}

export interface Story {
  readonly title: string;
  readonly strategy: 'alternating-users' | 'single-user';
  readonly points: readonly string[];
  /** What is done with the server that is to die, once rotation is configured; by default, one rotation. */
  readonly play?: (play: Play) => Promise<unknown>;
  /** What a person does about it after the restart. */
  readonly mend?: (play: Play) => Promise<unknown>;
  /** Boundary at which an earlier server died, so that the one that is to die finds something to recover. */
  readonly diesBefore?: string;
}

const UNTIL_PROMOTION = [
  ...[
    'begin',
    'login',
    'target-proof',
    'create-intent',
    'escrow',
    'value',
    'create-outcome',
    'set-intent',
    'set-outcome',
  ],
  ...['test-outcome', 'promotion'],
];

export const STORIES: readonly Story[] = [
  {
    title: 'a rotation with two users',
    strategy: 'alternating-users',
    points: [...UNTIL_PROMOTION, 'settlement', 'revoke-intent', 'revocation', 'end'],
  },
  { title: 'a rotation with one password', strategy: 'single-user', points: [...UNTIL_PROMOTION, 'end'] },
  {
    title: 'a rotation taken up after a crash in the middle of set',
    strategy: 'single-user',
    points: ['recovery'],
    diesBefore: 'before:set-outcome',
  },
  {
    title: 'a rotation taken up after a crash in the middle of its test',
    strategy: 'single-user',
    points: ['test-intent'],
    diesBefore: 'before:test-outcome',
  },
  {
    title: 'a rotation whose old value a holder still has when its overlap ends',
    strategy: 'alternating-users',
    points: ['wait'],
    play: async ({ client }) => {
      await textOf(client, SECRET);
      await configure(client, 'alternating-users', '1m');
      await rotate(client);
    },
  },
  {
    title: 'a rotation whose role has seen a newer one',
    strategy: 'alternating-users',
    points: ['higher-number'],
    play: async ({ client, target, role }) => {
      const { ARN: secret } = await client.call('DescribeSecret', { SecretId: SECRET });
      await target.asSuperuser(`COMMENT ON ROLE ${role.username} IS '[rekey ${JSON.stringify({ secret, fence: 7 })}]'`);
      await rotate(client);
    },
  },
  {
    title: 'a rotation that lacks a privilege, until a person grants it',
    strategy: 'single-user',
    points: ['failure'],
    play: async ({ client, target, role }) => {
      await target.mayAdminister(role, false);
      await rotate(client);
    },
    mend: async ({ client, target, role }) => {
      await target.mayAdminister(role, true);
      await rotate(client);
    },
  },
  {
    title: 'a rotation of a role whose password nobody checks, until somebody does',
    strategy: 'single-user',
    points: ['block'],
    play: async ({ client, target, role }) => {
      await target.checksPasswordOf(role, false);
      await rotate(client);
    },
    mend: async ({ client, target, role }) => {
      await target.checksPasswordOf(role, true);
      await rotate(client);
    },
  },
  {
    title: 'a rotation that is cancelled and asked for again',
    strategy: 'alternating-users',
    points: ['cancel'],
    play: async ({ client, target, role }) => {
      await target.mayAdminister(role, false);
      await rotate(client);
      await client.call('CancelRotateSecret', { SecretId: SECRET });
    },
    mend: async ({ client, target, role }) => {
      await target.mayAdminister(role, true);
      await configure(client, 'alternating-users');
      await rotate(client);
    },
  },
];

/**
 * Of the rest, no built-in function fails to finish, PostgreSQL knows no way to reject a verifier, and the end of a
 * retirement is its `end`.
 */
export const PLAYED_IN_MEMORY_ONLY = ['finish-intent', 'revoke-outcome', 'fresh-value'];

export async function configure(client: SecretsClient, strategy: string, retireWithin = OVERLAP): Promise<void> {
  const wish = {
    rotator: 'postgres',
    every: '30d',
    strategy,
    overlap: OVERLAP,
    retireWithin,
    usernameMayChange: true,
  };
  await client.native('PUT', secretPath(SECRET, 'rotation'), wish);
}

export function rotate(client: SecretsClient): Promise<unknown> {
  return client.native('POST', secretPath(SECRET, 'rotate'));
}
