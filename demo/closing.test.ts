import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Closing } from './closing.ts';

test('what was opened last is closed first, and a step that fails does not keep the others from running', async () => {
  const closed: string[] = [];
  const closing = new Closing();
  closing.add(async () => void closed.push('folder'));
  closing.add(async () => {
    throw new Error('the server did not stop');
  });
  closing.add(async () => void closed.push('pool'));

  await assert.rejects(closing.run(), /did not stop/);

  assert.deepEqual(closed, ['pool', 'folder']);
  await closing.run();
});
