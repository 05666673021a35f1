import assert from 'node:assert/strict';
import { test } from 'node:test';
import { killSwitch } from './kill-switch.ts';

test('without the variable there is no hook', () => {
  assert.equal(killSwitch({}), undefined);
});

test('kills at the named boundary and visit only', async (context) => {
  const kill = context.mock.method(process, 'kill', () => true);
  const hook = killSwitch({ REKEY_KILL_AT: 'after:promotion#2' });
  await hook?.('before:promotion');
  await hook?.('after:promotion');
  assert.equal(kill.mock.callCount(), 0);
  await hook?.('after:promotion');
  assert.deepEqual(kill.mock.calls[0]?.arguments, [process.pid, 'SIGKILL']);
});

test('refuses a name that is no boundary, so that no crash test passes by a typing error', () => {
  for (const order of ['', 'promotion', 'after:promotions', 'after:promotion#0', 'after:promotion#1#2'])
    assert.throws(() => killSwitch({ REKEY_KILL_AT: order }), /REKEY_KILL_AT takes one of/);
});
