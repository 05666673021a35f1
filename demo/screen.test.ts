import assert from 'node:assert/strict';
import { test } from 'node:test';
import { readOptions } from './options.ts';
import { plainDisplay, plainLine, rows, terminalDisplay, type View } from './screen.ts';

const view: View = {
  options: readOptions([]),
  port: 5555,
  seconds: 10,
  version: '0a1b2c3d-0000-4000-8000-000000000000',
  username: 'shop_clone',
  rotation: '#3 set, doing test',
  nextInSeconds: 2.4,
  rotations: 2,
  queries: 4_000,
  failedQueries: 0,
  lastFailure: null,
  oldestSeconds: 6.25,
  outside: { p50: 0.5, p99: 2 },
  inside: { p50: 0.7, p99: 12.3 },
  switchWindowSeconds: null,
};

function recorder() {
  const written: string[] = [];
  return { written, stream: { write: (text: string) => written.push(text), columns: 60 } };
}

test('the screen shows version, step, counts, age of the oldest credential and latency', () => {
  const text = rows(view).join('\n');
  for (const part of [
    '0a1b2c3d',
    'shop_clone',
    '#3 set, doing test',
    '4,000  (400 a second)',
    '6.3 s old',
    '0.7 ms / 12 ms inside',
  ])
    assert.ok(text.includes(part), `${part} is missing in\n${text}`);
  assert.ok(
    rows({ ...view, rotation: null })
      .join('\n')
      .includes('none running, next in 3 s'),
  );
});

test('single-user shows its switch window', () => {
  const options = readOptions(['--strategy', 'single-user']);
  assert.ok(
    rows({ ...view, options, switchWindowSeconds: 0.034 })
      .join('\n')
      .includes('0.03 s'),
  );
  assert.ok(!rows(view).join('\n').includes('switch window'));
});

test('on a terminal the figures are redrawn in place and no line is wider than the terminal', () => {
  const { written, stream } = recorder();
  const display = terminalDisplay(stream);
  display.event('Starting …');
  display.update(view);
  display.event('rotation #3 done');
  display.update(view);

  assert.equal(written[0], 'Starting …\n');
  const height = written[1]!.split('\n').length - 1;
  assert.ok(written[2]!.startsWith(`\u001b[${height}A\u001b[J`));
  assert.ok(written[2]!.includes('rotation #3 done'));
  assert.ok(written[1]!.split('\n').every((line) => line.replace('\u001b[J', '').length < 60));
});

test('without a terminal there is a line per event and one every five seconds', () => {
  const { written, stream } = recorder();
  const display = plainDisplay(stream);
  display.event('rotation #1 done');
  for (const seconds of [4.9, 5.1, 5.3, 10.2]) display.update({ ...view, seconds });
  assert.deepEqual(written, ['rotation #1 done\n', `5 s: ${plainLine(view)}\n`, `10 s: ${plainLine(view)}\n`]);
});
