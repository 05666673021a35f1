import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { givingWay } from './give-way.ts';
import { RequestCounts } from './request-counts.ts';

describe('background work gives way', () => {
  test('for one turn of the event loop where no request is at hand', async () => {
    assert.equal(await turnsUntil(givingWay(new RequestCounts())), 1);
  });

  test('until the requests at hand are answered', async () => {
    const counts = new RequestCounts();
    let left = 3;
    const come = () => {
      if (left === 0) return;
      left -= 1;
      counts.arrived();
      counts.answered(null, 200, false);
      setImmediate(come);
    };
    setImmediate(come);
    await givingWay(counts)();
    assert.equal(left, 0);
  });

  test('not for ever to a server that is never idle', async () => {
    const counts = { traffic: 0 };
    const busy = {
      get traffic() {
        counts.traffic += 1;
        return counts.traffic;
      },
    };
    assert.equal(await turnsUntil(givingWay(busy)), 8);
  });
});

async function turnsUntil(work: () => Promise<void>): Promise<number> {
  let [turns, done] = [0, false];
  const count = () => {
    if (done) return;
    turns += 1;
    setImmediate(count);
  };
  setImmediate(count);
  await work();
  done = true;
  return turns;
}
