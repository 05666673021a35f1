import assert from 'node:assert/strict';
import { test } from 'node:test';
import type { RotationRecord } from '@rekey/core';
import { Backlog, type Offered } from './backlog.ts';

const YOUNG = 500;

function backlogOf(...ids: readonly string[]): Backlog {
  const backlog = new Backlog(YOUNG);
  backlog.look(1_000);
  backlog.found(ids.map((id) => ({ id }) as RotationRecord));
  return backlog;
}

/** Offers until so many have started; of those named, no place is found at their target. */
async function offer(backlog: Backlog, places: number, without: readonly string[] = []): Promise<readonly string[]> {
  const offered: string[] = [];
  let left = places;
  const start = async ({ record }: { readonly record: RotationRecord }): Promise<Offered> => {
    offered.push(record.id);
    if (without.includes(record.id)) return 'passed-over';
    left -= 1;
    return 'started';
  };
  await backlog.offer(() => left > 0, start);
  return offered;
}

test('places go to what was found, in the order of turns, each once', async () => {
  const backlog = backlogOf('a', 'b', 'c');
  assert.deepEqual(await offer(backlog, 2), ['a', 'b']);
  assert.deepEqual(await offer(backlog, 2), ['c']);
  assert.deepEqual(await offer(backlog, 2), []);
});

test('what finds no place at its target keeps its turn and is in nobody’s way', async () => {
  const backlog = backlogOf('a', 'b', 'c');
  assert.deepEqual(await offer(backlog, 1, ['a']), ['a', 'b']);
  assert.deepEqual(await offer(backlog, 2), ['a', 'c']);
});

test('a look stands for its time only, and not when the clock was set back', () => {
  const backlog = backlogOf('a');
  assert.equal(backlog.stands(1_000), true);
  assert.equal(backlog.stands(1_000 + YOUNG - 1), true);
  assert.equal(backlog.stands(1_000 + YOUNG), false);
  assert.equal(backlog.stands(999), false);
});

test('where nothing waits a new look is needed', async () => {
  const backlog = backlogOf('a');
  await offer(backlog, 1);
  assert.equal(backlog.stands(1_000), false);
});

test('what is forgotten during a look does not stand when the look has found something', () => {
  const backlog = new Backlog(YOUNG);
  backlog.look(1_000);
  backlog.forget();
  backlog.found([{ id: 'a' } as RotationRecord]);
  assert.equal(backlog.stands(1_000), false);
});
