import assert from 'node:assert/strict';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, type TestContext, test } from 'node:test';
import { SecretsClient } from '@rekey/client';
import { silentLogger } from '@rekey/core';
import { startRekey } from '../../compose.ts';
import { readConfig } from '../../config/config.ts';
import { FakeClock } from '../../engine/fake-clock.testing.ts';
import { putSecret } from '../../engine/house.testing.ts';
import { RotationCounts } from '../../engine/rotation/rotation-counts.ts';
import { expositionOf } from '../../faces/metrics/exposition.ts';
import { RequestCounts } from '../../host/request-counts.ts';
import { MemoryDriver } from '../../store/memory.ts';
import { openMemoryStore } from '../../store/testing.ts';
import { serverMetrics } from './server-metrics.ts';
import { StandingLook } from './standing-look.ts';

const TOKEN = 'a-token-for-the-scraper';
const CREDENTIALS = { accessKeyId: 'AKIAIOSFODNN7EXAMPLE', secretAccessKey: 'a secret that signs requests of root' };
const LINE = /^(# (HELP|TYPE) [a-z_]+ .+|[a-z_]+(\{[a-z]+="[^"\\\n]*"(,[a-z]+="[^"\\\n]*")*\})? (\+Inf|[\d.e+-]+))$/;

async function start(context: TestContext, metrics: object) {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-metrics-'));
  context.after(() => rm(folder, { recursive: true, force: true }));
  const tokenFile = join(folder, 'token');
  await writeFile(tokenFile, `${TOKEN}\n`, { mode: 0o600 });
  const config = await readConfig({ dev: true, listen: '127.0.0.1:0' }, {});
  const server = await startRekey(
    { ...config, metrics: { open: false, tokenFile, ...metrics } },
    {
      log: silentLogger,
      environment: {
        REKEY_ROOT_ACCESS_KEY_ID: CREDENTIALS.accessKeyId,
        REKEY_ROOT_SECRET_ACCESS_KEY: CREDENTIALS.secretAccessKey,
      },
    },
  );
  context.after(() => server.stop());
  const { endpoint, region } = server;
  const scrape = (token: string | null, path = '/metrics') =>
    fetch(new URL(path, endpoint), token === null ? {} : { headers: { authorization: `Bearer ${token}` } });
  return {
    scrape,
    client: new SecretsClient({ endpoint, region, credentials: CREDENTIALS }),
    rootToken: server.root.token,
  };
}

/** Value of a sample in the text; fails where it is not there once. */
function sampleOf(text: string, sample: string): number {
  const lines = text.split('\n').filter((line) => line.startsWith(`${sample} `));
  assert.equal(lines.length, 1, sample);
  return Number(lines[0]!.slice(sample.length + 1));
}

describe('a server tells its metrics', () => {
  test('to who has its token or root’s; the token opens nothing else', async (context) => {
    const { scrape, rootToken } = await start(context, {});
    assert.equal((await scrape(null)).status, 401);
    assert.equal((await scrape('another-token-than-that')).status, 401);
    assert.equal((await scrape(TOKEN)).status, 200);
    assert.equal((await scrape(rootToken)).status, 200);
    assert.equal((await scrape(TOKEN, '/rekey/status')).status, 401);
  });

  test('well-formed, each name once, with what was done, and without any name or value of a secret', async (context) => {
    const { scrape, client } = await start(context, { open: true });
    await client.call('CreateSecret', { Name: 'team/sensitive-name', SecretString: 'sensitive-value' });
    await client.getSecretValue({ SecretId: 'team/sensitive-name' });
    await assert.rejects(client.getSecretValue({ SecretId: 'team/none' }));
    const text = await (await scrape(null)).text();
    for (const line of text.trimEnd().split('\n')) assert.match(line, LINE);
    const types = text.split('\n').filter((line) => line.startsWith('# TYPE '));
    assert.equal(new Set(types).size, types.length);
    assert.doesNotMatch(text, /sensitive/);
    assert.equal(sampleOf(text, 'rekey_requests_total{face="aws-secrets-manager",status="2xx"}'), 2);
    assert.equal(sampleOf(text, 'rekey_requests_total{face="aws-secrets-manager",status="4xx"}'), 1);
    assert.equal(sampleOf(text, 'rekey_audit_lines_total'), 3);
    assert.equal(sampleOf(text, 'rekey_secrets'), 1);
    assert.equal(sampleOf(text, 'rekey_store_reachable'), 1);
    assert.equal(sampleOf(text, 'rekey_store_read_age_seconds'), 0);
    assert.ok(sampleOf(text, 'rekey_store_commit_seconds_count') >= 1);
    assert.equal(sampleOf(text, 'rekey_rotations_total{outcome="done",cause="schedule"}'), 0);
    assert.equal(sampleOf(text, 'rekey_rotation_failures_total{class="unreachable"}'), 0);
    assert.doesNotMatch(text, /rekey_backup_age_seconds/);
  });
});

/** Answers nothing any more once it is lost. */
class LosableDriver extends MemoryDriver {
  lost = false;

  override async count(...asked: Parameters<MemoryDriver['count']>): Promise<number> {
    if (this.lost) await new Promise(() => {});
    return super.count(...asked);
  }
}

describe('what stands in the store', () => {
  const open = async () => {
    const clock = new FakeClock();
    const driver = new LosableDriver();
    const store = await openMemoryStore({ driver, now: () => clock.now() });
    return { clock, driver, store, look: new StandingLook({ store, clock }) };
  };
  const HOUR = 3_600_000;

  test('is counted: due, overdue and for how long, and the age of the last good backup', async () => {
    const { clock, store, look } = await open();
    const rule = { kind: 'every', every: 24 * HOUR } as const;
    for (const name of ['a', 'b']) await putSecret(store, clock.now(), { name, value: 'value', rule });
    await putSecret(store, clock.now(), { name: 'c', value: 'value' });
    const note = { triedAt: clock.now(), goodAt: clock.now(), goodFile: 'file', bytes: 1 };
    await store.commit([{ collection: 'setting', id: 'backup', record: note }]);
    const before = await look.find();
    assert.deepEqual([before?.secrets, before?.due, before?.overdue, before?.longestOverdue], [3, 0, 0, 0]);
    await clock.advance(72 * HOUR);
    const after = await look.find();
    assert.deepEqual([after?.secrets, after?.due, after?.overdue, after?.backupAge], [3, 2, 2, 72 * HOUR]);
    assert.ok(after !== null && after.longestOverdue > 0);
  });

  test('is left out while the store does not answer: the rest is told after two seconds all the same', async () => {
    const { clock, driver, store, look } = await open();
    const first = await look.find();
    driver.lost = true;
    assert.equal(await look.find(), first, 'scrapes close together share a look');
    await clock.advance(5_000);
    const looking = look.find();
    await clock.advance(2_000);
    assert.equal(await looking, null);
    const sources = {
      ...{ store, rotations: new RotationCounts(), requests: new RequestCounts(), budget: { waits: 4 } },
      ...{ auditLines: () => 5, version: '1.2.3' },
    };
    const text = expositionOf(serverMetrics(sources, null));
    assert.equal(sampleOf(text, 'rekey_store_reachable'), 0);
    assert.equal(sampleOf(text, 'rekey_login_budget_waits_total'), 4);
    assert.equal(sampleOf(text, 'rekey_audit_lines_total'), 5);
    assert.doesNotMatch(text, /rekey_secrets /);
  });
});

test('answers are counted by face and class, and as stale only where they succeeded', () => {
  const counts = new RequestCounts();
  counts.answered('native', 200, false);
  counts.answered('native', 204, true);
  counts.answered('native', 503, true);
  counts.answered(null, 404, false);
  assert.deepEqual(counts.answers, [
    { face: 'native', statusClass: '2xx', count: 2 },
    { face: 'native', statusClass: '5xx', count: 1 },
    { face: 'none', statusClass: '4xx', count: 1 },
  ]);
  assert.deepEqual(counts.staleAnswers, [
    { face: 'native', count: 1 },
    { face: 'none', count: 0 },
  ]);
});
