import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { DURABLE_POINTS } from '../packages/server/src/engine/boundary.ts';
import { cutAndRecover, NETWORK_FAULTS } from './crash/network.ts';
import { killAndRecover, setStage } from './crash/play.ts';
import { PLAYED_IN_MEMORY_ONLY, STORIES } from './crash/stories.ts';
import { givenPostgres, skipWithoutPostgres } from './support/given-postgres.ts';

/**
 * A server that kills itself (SIGKILL) at each durable boundary of a rotation against a real PostgreSQL, and another
 * that takes over its data folder; and a network that breaks in the middle of `set`. The engine's simulation plays the
 * same with more faults in memory; here disk, sockets, processes and the target are real. `npm run crash-matrix` prints
 * all of it as a table.
 */

test('every durable boundary is in one of the stories', () => {
  const played = new Set(STORIES.flatMap(({ points }) => points));
  assert.deepEqual(
    DURABLE_POINTS.filter((point) => !played.has(point)),
    PLAYED_IN_MEMORY_ONLY,
  );
});

describe('cut short', { skip: skipWithoutPostgres, concurrency: 2 }, () => {
  const given = givenPostgres();

  for (const story of STORIES)
    for (const point of story.points)
      for (const side of ['before', 'after'])
        test(`${story.title}: killed ${side} ${point}, it goes on and nobody is locked out`, async (context) => {
          await killAndRecover(context, await setStage(context, given.target), story, `${side}:${point}`);
        });

  for (const strategy of ['alternating-users', 'single-user'] as const)
    for (const fault of NETWORK_FAULTS)
      test(`${strategy}: ${fault.title}, it goes on and nobody is locked out`, async (context) => {
        await cutAndRecover(context, await setStage(context, given.target), strategy, fault);
      });
});
