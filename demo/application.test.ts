import assert from 'node:assert/strict';
import { test } from 'node:test';
import { Application } from './application.ts';
import { LatencyBook } from './latency.ts';

/** Runs the application until its pool was asked so many times. */
async function runFor(queries: number, answer: (asked: number) => void) {
  const stop = new AbortController();
  let asked = 0;
  const texts: string[] = [];
  const latency = new LatencyBook();
  const application = new Application(
    {
      async query(text) {
        texts.push(text);
        asked += 1;
        if (asked >= queries) stop.abort();
        answer(asked);
      },
    },
    latency,
  );
  await application.run(stop.signal);
  latency.settle(Number.POSITIVE_INFINITY, []);
  return { application, latency, texts };
}

test('every query is counted and timed, and both reads and writes are among them', async () => {
  const { application, latency, texts } = await runFor(40, () => {});
  assert.equal(application.queries, texts.length);
  assert.equal(latency.outside.count, texts.length);
  assert.equal(application.failedQueries, 0);
  assert.equal(texts.filter((text) => text.startsWith('UPDATE')).length, Math.floor(texts.length / 4));
});

test('a failed query is counted, does not stop the application, and is named by its kind only', async () => {
  const { application } = await runFor(10, (asked) => {
    if (asked === 3) throw Object.assign(new Error('password "p4ss" refused'), { code: '28P01' });
  });
  assert.equal(application.failedQueries, 1);
  assert.ok(application.queries >= 10);
  assert.equal(application.lastFailure, '28P01');
});
