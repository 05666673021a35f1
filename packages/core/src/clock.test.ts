import assert from 'node:assert/strict';
import { test } from 'node:test';
import { systemClock } from './clock.ts';

test("the machine's clock rings an alarm, and none that was called off", async () => {
  const rung: string[] = [];
  const callOff = systemClock.alarm(1, () => rung.push('called off'));
  callOff();
  // Alarms do not keep the process alive.
  const alive = setInterval(() => {}, 60_000);
  await new Promise<void>((resolve) => {
    systemClock.alarm(1, () => {
      rung.push('kept');
      resolve();
    });
  });
  clearInterval(alive);
  assert.deepEqual(rung, ['kept']);
});
