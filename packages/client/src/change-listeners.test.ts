import assert from 'node:assert/strict';
import { test } from 'node:test';
import { setImmediate as turn } from 'node:timers/promises';
import { ChangeListeners } from './change-listeners.ts';
import { ReadVersion } from './read-version.ts';

const version = (id: string) => new ReadVersion(id, `value of ${id}`);

test('a listener hears of each version once, however often it is told', () => {
  const heard: string[] = [];
  const listeners = new ChangeListeners<string>(() => {});
  listeners.add((latest) => heard.push(latest.versionId), 'a');
  for (const id of ['a', 'b', 'b', 'c', 'b']) listeners.tell(version(id));
  assert.deepEqual(heard, ['b', 'c', 'b']);
});

test('a listener that is busy hears of the latest when it is done, and of nothing in between', async () => {
  const heard: string[] = [];
  let finish = () => {};
  const listeners = new ChangeListeners<string>(() => {});
  listeners.add((latest) => {
    heard.push(latest.versionId);
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  }, 'a');
  for (const id of ['b', 'c', 'd']) listeners.tell(version(id));
  assert.deepEqual(heard, ['b']);
  finish();
  await turn();
  assert.deepEqual(heard, ['b', 'd']);
});

test('listeners that throw or reject harm neither the others nor themselves', async () => {
  const heard: string[] = [];
  const failures: unknown[] = [];
  const listeners = new ChangeListeners<string>((error) => failures.push(error));
  listeners.add(() => {
    throw new Error('thrown');
  }, 'a');
  listeners.add(async () => {
    throw new Error('rejected');
  }, 'a');
  listeners.add((latest) => heard.push(latest.versionId), 'a');
  listeners.tell(version('b'));
  await turn();
  listeners.tell(version('c'));
  await turn();
  assert.deepEqual(heard, ['b', 'c']);
  assert.equal(failures.length, 4);
});

test('a listener that was taken off hears nothing more, even while it is busy', async () => {
  const heard: string[] = [];
  let finish = () => {};
  const listeners = new ChangeListeners<string>(() => {});
  const takeOff = listeners.add((latest) => {
    heard.push(latest.versionId);
    return new Promise<void>((resolve) => {
      finish = resolve;
    });
  }, 'a');
  listeners.tell(version('b'));
  listeners.tell(version('c'));
  takeOff();
  finish();
  await turn();
  assert.deepEqual(heard, ['b']);
});
