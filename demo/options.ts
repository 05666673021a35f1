import { parseArgs } from 'node:util';
import { messageOf, parseDuration, type Strategy } from '@rekey/core';

/** What `npm start -- …` was asked for. Durations in milliseconds. */
export interface Options {
  /** How long to run; null until Ctrl-C. */
  readonly runFor: number | null;
  readonly json: boolean;
  readonly strategy: Extract<Strategy, 'alternating-users' | 'single-user'>;
  readonly every: number;
  readonly overlap: number;
  /** Break things at random while it runs. */
  readonly chaos: boolean;
  readonly help: boolean;
}

export const HELP = `npm start -- [options]

Rotates the password of a real PostgreSQL role every few seconds while an application queries with it.
Everything runs in one temporary folder, which is removed at the end.

  --for DURATION       stop after this long (60s, 10m); without it, stop with Ctrl-C
  --every DURATION     rotate this often (default 5s)
  --overlap DURATION   how long the old password stays valid (default 2s; shorter than --every)
  --strategy NAME      alternating-users (default: two roles, no refused login at any moment) or
                       single-user (one role: its password changes, and the switch window is measured)
  --chaos              every few seconds something goes wrong: the rekey server is killed or paused, its network to
                       PostgreSQL is cut or falls silent (the application's own stays open)
  --json               progress on standard error, one line of JSON on standard output at the end:
                         rotations, unfinishedRotations, queries, failedQueries,
                         rotationSeconds       from the beginning to the promotion of the new password
                         staleCredentialSeconds  for how long a replaced password was still accepted
                         oldestCredentialSeconds greatest age that an accepted password reached
                         retiredCredentialsAccepted  replaced passwords that a login of ours found working after the end
                         switchWindowSeconds   single-user: for how long the current password was refused
                         latencyMilliseconds   of the queries, outside and inside rotations
                         mishaps               with --chaos: how often each thing went wrong
  --help               this text

Exit code 0: no query failed, every rotation finished and no replaced password worked afterwards. 1: otherwise. 2: wrong use.
`;

const STRATEGIES: readonly Options['strategy'][] = ['alternating-users', 'single-user'];

/** Wrong use of the command line; the message says what is wrong. */
export class WrongUse extends Error {}

/** @throws WrongUse */
export function readOptions(words: readonly string[]): Options {
  const given = readWords(words);
  const every = duration(given.every ?? '5s', 'the interval (--every)', 1_000);
  const overlap = duration(given.overlap ?? '2s', 'the overlap (--overlap)', 1_000);
  if (overlap >= every) throw new WrongUse('The overlap (--overlap) must be shorter than the interval (--every).');
  return {
    runFor: given.for === undefined ? null : duration(given.for, 'the time to run (--for)', 1_000),
    json: given.json ?? false,
    strategy: strategy(given.strategy ?? 'alternating-users'),
    every,
    overlap,
    chaos: given.chaos ?? false,
    help: given.help ?? false,
  };
}

function readWords(words: readonly string[]) {
  try {
    return parseArgs({
      args: [...words],
      options: {
        for: { type: 'string' },
        every: { type: 'string' },
        overlap: { type: 'string' },
        strategy: { type: 'string' },
        chaos: { type: 'boolean' },
        json: { type: 'boolean' },
        help: { type: 'boolean', short: 'h' },
      },
    }).values;
  } catch (error) {
    throw new WrongUse(`${messageOf(error)} (npm start -- --help lists what there is)`);
  }
}

function duration(text: string, what: string, min: number): number {
  try {
    return parseDuration(text, { what, min });
  } catch (error) {
    throw new WrongUse(messageOf(error));
  }
}

function strategy(text: string): Options['strategy'] {
  const found = STRATEGIES.find((each) => each === text);
  if (found === undefined) throw new WrongUse(`--strategy takes ${STRATEGIES.join(' or ')}, not "${text}".`);
  return found;
}
