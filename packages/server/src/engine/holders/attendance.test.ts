import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { FakeClock } from '../fake-clock.testing.ts';
import { Attendance } from './attendance.ts';

describe('attendance', () => {
  it('counts from the start, and anew from the end of a pause in which the server stood still', async () => {
    const clock = new FakeClock();
    const attendance = new Attendance(clock);
    const begun = clock.now();
    for (let look = 0; look < 10; look += 1) {
      await clock.advance(10_000);
      await attendance.job.run();
    }
    assert.equal(attendance.since, begun);
    await clock.advance(2 * 3_600_000);
    await attendance.job.run();
    assert.equal(attendance.since, clock.now());
  });
});
