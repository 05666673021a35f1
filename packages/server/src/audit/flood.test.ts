import assert from 'node:assert/strict';
import { test } from 'node:test';
import { entryOf, HandClock } from './audit.testing.ts';
import type { AuditEntry, AuditLog } from './entry.ts';
import { FloodGuard } from './flood.ts';

const LIMITS = { perAddress: 3, together: 10, addresses: 6 };

function collected(): AuditLog & { readonly entries: AuditEntry[]; broken: boolean } {
  const entries: AuditEntry[] = [];
  return {
    entries,
    broken: false,
    async append(entry) {
      if (this.broken) throw new Error('the disk is full');
      entries.push(entry);
    },
  };
}

function failureFrom(address: string | null): AuditEntry {
  return {
    ...entryOf(1),
    principal: 'anonymous',
    accessKeyId: null,
    address,
    outcome: 'denied',
    detail: 'unknown-access-key',
  };
}

function guarded() {
  const inner = collected();
  const clock = new HandClock();
  return { inner, clock, guard: new FloodGuard(inner, { clock, limits: LIMITS }) };
}

test('the first failures of an address are written, the rest of the minute is one entry', async () => {
  const { inner, clock, guard } = guarded();
  for (let at = 0; at < 500; at++) await guard.append(failureFrom('192.0.2.1'));
  assert.equal(inner.entries.length, 3);
  await clock.advance(60_000);
  assert.equal(inner.entries.length, 4);
  const { kind, action, address, detail } = inner.entries[3]!;
  assert.deepEqual([kind, action, address], ['server', 'rekey:AuditFlood', '192.0.2.1']);
  assert.match(detail!, /^497 more requests/);
});

test('the next minute begins with a fresh count, and a quiet one says nothing', async () => {
  const { inner, clock, guard } = guarded();
  await guard.append(failureFrom('192.0.2.1'));
  await clock.advance(60_000);
  await clock.advance(60_000);
  assert.equal(inner.entries.length, 1);
  for (let at = 0; at < 4; at++) await guard.append(failureFrom('192.0.2.1'));
  assert.equal(inner.entries.length, 4);
  await guard.close();
  assert.match(inner.entries[4]!.detail!, /^1 more requests/);
});

test('entries of proven callers are never counted away, nor those of the engine', async () => {
  const { inner, guard } = guarded();
  for (let at = 0; at < 50; at++) {
    await guard.append({ ...failureFrom('192.0.2.1'), principal: 'arn:aws:iam::000000000000:root' });
    await guard.append({ ...failureFrom('192.0.2.1'), kind: 'engine' });
  }
  assert.equal(inner.entries.length, 100);
});

test('many addresses together cannot write more than the common limit, and all are counted', async () => {
  const { inner, guard } = guarded();
  for (let at = 0; at < 200; at++) await guard.append(failureFrom(`198.51.100.${at % 50}`));
  assert.equal(inner.entries.length, 10);
  await guard.close();
  const counted = inner.entries.slice(10).map(({ detail }) => Number.parseInt(detail!, 10));
  assert.equal(10 + counted.reduce((sum, count) => sum + count, 0), 200);
  assert(inner.entries.slice(10).some(({ address }) => address === 'other addresses'));
  assert(counted.length <= LIMITS.addresses + 2);
});

test('an IPv6 caller is counted by its network, however it writes its address', async () => {
  const { inner, guard } = guarded();
  for (const address of ['2001:db8:1:2::1', '2001:db8:1:2:3:4:5:6', '2001:db8:1:2:ffff::', '2001:db8:1:2::9', '::1']) {
    await guard.append(failureFrom(address));
  }
  await guard.close();
  assert.equal(inner.entries.length, 5);
  assert.equal(inner.entries[4]!.address, '2001:db8:1:2::/64');
});

test('a count that cannot be written is carried over', async () => {
  const { inner, clock, guard } = guarded();
  for (let at = 0; at < 5; at++) await guard.append(failureFrom(null));
  inner.broken = true;
  await clock.advance(60_000);
  inner.broken = false;
  await guard.append(failureFrom(null));
  await guard.close();
  assert.match(inner.entries.at(-1)!.detail!, /^2 more requests/);
});

test('a failure to write reaches whoever must not answer', async () => {
  const { inner, guard } = guarded();
  inner.broken = true;
  await assert.rejects(guard.append(failureFrom('192.0.2.1')), /disk is full/);
});
