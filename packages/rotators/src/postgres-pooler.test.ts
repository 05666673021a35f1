import assert from 'node:assert/strict';
import { after, before, describe, test } from 'node:test';
import { RotatorError } from '@rekey/core';
import { pgbouncerInstalled, type RunningPgbouncer, startPgbouncer } from '../../../scripts/test-services/pgbouncer.ts';
import { available, type RunningPostgres, startPostgres } from '../../../scripts/test-services/postgres.ts';
import { postgres } from './postgres.ts';
import { APP_PASSWORD, PostgresBench } from './support/postgres-bench.ts';

const { available: startable, why } = available('embedded');
const skip = startable ? (pgbouncerInstalled() ? false : 'pgbouncer is not installed') : why;
const rotator = postgres();

describe('a real PgBouncer named by via', { skip }, () => {
  let server: RunningPostgres;
  let pooler: RunningPgbouncer;
  let bench: PostgresBench;
  before(async () => {
    server = await startPostgres({ version: 'embedded', settings: { fsync: 'off' } });
    pooler = await startPgbouncer(server);
    bench = await PostgresBench.open(server);
  });
  after(async () => {
    await bench?.close();
    await pooler?.stop();
    await server?.stop();
  });

  /** What PgBouncer's file holds of a role, as its operator copies it. */
  const secretOf = async (role: string) => {
    const [row] = await bench.asSuperuser<{ secret: string }>(
      `select rolpassword as secret from pg_authid where rolname = '${role}'`,
    );
    return row?.secret ?? '';
  };

  test('that knows the old password only keeps the new value from being promoted; one that was told lets it in', async () => {
    await pooler.know({ app: await secretOf('app') });
    const context = { ...bench.context('single-user', 1) };
    const via = { ...context, settings: { ...context.settings, via: `127.0.0.1:${pooler.port}` } };
    const current = bench.credential();
    const { pending } = await rotator.create({ context, current });
    await rotator.set({ context, current, pending, previous: null });
    const refused = await rotator.test({ context: via, current, pending }).catch((error: unknown) => error);
    assert.ok(refused instanceof RotatorError);
    assert.match(refused.message, /through the pooler 127\.0\.0\.1:\d+ failed: SQLSTATE 08P01/);
    assert.equal(refused.class, 'unreachable', 'it is tried again, since PgBouncer says the same of anything');
    await pooler.know({ app: await secretOf('app') });
    await rotator.test({ context: via, current, pending });
  });

  test('probed itself with a wrong password says nothing that counts as a refusal', async () => {
    await pooler.know({ app: await secretOf('app') });
    const through = JSON.stringify({
      ...JSON.parse(bench.credential()),
      port: pooler.port,
      password: `${APP_PASSWORD} wrong`,
    });
    const { settings } = bench.context('single-user', 1);
    const answer = await rotator.probe({ credential: through, settings, signal: AbortSignal.timeout(60_000) });
    assert.deepEqual([answer.outcome, /08P01/.test(answer.reason)], ['unclear', true]);
  });
});
