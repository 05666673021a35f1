import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { appendFile, chown, mkdtemp, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { after, before, describe, test } from 'node:test';
import { DEFAULT_ROTATION_SETTINGS, RotatorError } from '@rekey/core';
import {
  available,
  type PostgresVersion,
  type RunningPostgres,
  startPostgres,
} from '../../../scripts/test-services/postgres.ts';
import { postgres } from './postgres.ts';
import {
  answering,
  asksForClearPassword,
  authenticationOk,
  errorResponse,
  type FakeWire,
  passingTo,
} from './support/fake-wire.ts';
import { APP_PASSWORD, PostgresBench } from './support/postgres-bench.ts';

const rotator = postgres();
const settings = DEFAULT_ROTATION_SETTINGS;

async function probe(credential: string, signal = AbortSignal.timeout(15_000)) {
  return rotator.probe({ credential, settings, signal });
}

function at(wire: { readonly port: number }, more: Record<string, unknown> = {}): string {
  return JSON.stringify({
    engine: 'postgres',
    host: '127.0.0.1',
    port: wire.port,
    username: 'app',
    password: 'secret-password',
    ssl: false,
    ...more,
  });
}

async function withWire<T>(opening: Promise<FakeWire>, work: (wire: FakeWire) => Promise<T>): Promise<T> {
  const wire = await opening;
  try {
    return await work(wire);
  } finally {
    await wire.close();
  }
}

describe('what a login says, decided by SQLSTATE and by AuthenticationOk', () => {
  for (const [name, answer, outcome] of [
    ['28P01', errorResponse('28P01'), 'refused'],
    ['28000, which may be pg_hba.conf', errorResponse('28000'), 'unclear'],
    ["08P01, a pooler's word for anything", errorResponse('08P01'), 'unclear'],
    ['53300 before the password was looked at', errorResponse('53300'), 'unclear'],
    ['3D000 from a pooler that knows no such database', errorResponse('3D000'), 'unclear'],
    ['57P03, still starting', errorResponse('57P03'), 'unreachable'],
    ['53300 after login', Buffer.concat([authenticationOk, errorResponse('53300')]), 'accepted'],
    ['3D000 after login', Buffer.concat([authenticationOk, errorResponse('3D000')]), 'accepted'],
    ['42501 after login', Buffer.concat([authenticationOk, errorResponse('42501')]), 'accepted'],
    ['a demand for the clear password without TLS', asksForClearPassword, 'unclear'],
    ['a closed connection', 'hang up', 'unreachable'],
  ] as const)
    test(`${name} is ${outcome}`, async () => {
      await withWire(answering(answer), async (wire) => {
        const result = await probe(at(wire));
        assert.equal(result.outcome, outcome, result.reason);
        assert.doesNotMatch(result.reason, /secret-password/);
      });
    });

  test('silence is unreachable once the time is over, and the connection is closed', async () => {
    await withWire(answering(null), async (wire) => {
      const result = await probe(at(wire), AbortSignal.timeout(100));
      assert.equal(result.outcome, 'unreachable', result.reason);
    });
  });

  test('the clear password is never sent without TLS, whoever asks', async () => {
    const sent: Buffer[] = [];
    await withWire(answering(asksForClearPassword), async (wire) => {
      await withWire(
        passingTo(wire.port, (bytes) => sent.push(bytes) < 0),
        (proxy) => probe(at(proxy)),
      );
    });
    assert.doesNotMatch(Buffer.concat(sent).toString('latin1'), /secret-password/);
  });

  test('a host that does not resolve and a port nobody listens on are unreachable', async () => {
    assert.equal((await probe(at({ port: 1 }))).outcome, 'unreachable');
    assert.equal((await probe(at({ port: 5432 }, { host: 'no-such-host.invalid' }))).outcome, 'unreachable');
  });
});

for (const version of ['embedded', 'debian-15'] as const satisfies readonly PostgresVersion[]) {
  const { available: startable, why } = available(version);
  describe(`logins at a real server (${version})`, { skip: startable ? false : why }, () => {
    let server: RunningPostgres;
    let certificates: Certificates;
    before(async () => {
      certificates = await makeCertificates();
      server = await startPostgres({ version, settings: { fsync: 'off' } });
    });
    after(async () => {
      await server?.stop();
      await certificates?.remove();
    });

    const onBench = (title: string, work: (bench: PostgresBench) => Promise<void>) =>
      test(title, async () => {
        const bench = await PostgresBench.open(server);
        try {
          await work(bench);
        } finally {
          await bench.close();
        }
      });

    onBench(
      'a right password counts as accepted where the session is then denied: limit, database, privilege',
      async (bench) => {
        const wrong = bench.credential('app', 'wrong-password');
        await bench.asSuperuser('ALTER ROLE app CONNECTION LIMIT 0');
        assert.equal((await probe(bench.credential())).outcome, 'accepted');
        assert.equal((await probe(wrong)).outcome, 'refused');
        await bench.asSuperuser(
          `ALTER ROLE app CONNECTION LIMIT -1; REVOKE CONNECT ON DATABASE ${bench.database} FROM public`,
        );
        assert.equal((await probe(bench.credential())).outcome, 'accepted');
        await bench.asSuperuser(`GRANT CONNECT ON DATABASE ${bench.database} TO public`);
        assert.equal((await probe(bench.credential('app', APP_PASSWORD, { dbname: 'gone' }))).outcome, 'accepted');
        assert.equal((await probe(bench.credential('app', 'wrong-password', { dbname: 'gone' }))).outcome, 'refused');
      },
    );

    onBench(
      'no line of pg_hba.conf and NOLOGIN are unclear, VALID UNTIL in the past is named among the reasons to refuse',
      async (bench) => {
        await bench.asSuperuser('ALTER ROLE app NOLOGIN');
        assert.equal((await probe(bench.credential())).outcome, 'unclear');
        await bench.asSuperuser("ALTER ROLE app LOGIN VALID UNTIL '2020-01-01'");
        const expired = await probe(bench.credential());
        assert.equal(expired.outcome, 'refused');
        assert.match(expired.reason, /VALID UNTIL/);
        await bench.asSuperuser("ALTER ROLE app VALID UNTIL 'infinity'");
        const file = join(server.folder, 'data', 'pg_hba.conf');
        const rules = await readFile(file, 'utf8');
        await writeFile(file, `host all app all reject\n${rules}`);
        await bench.asSuperuser('select pg_reload_conf()');
        await until(async () => (await probe(bench.credential())).outcome === 'unclear');
        await writeFile(file, rules);
        await bench.asSuperuser('select pg_reload_conf()');
        await until(async () => (await probe(bench.credential())).outcome === 'accepted');
      },
    );

    onBench('a server that checks no passwords is found out by the decoy', async (bench) => {
      const file = join(server.folder, 'data', 'pg_hba.conf');
      const rules = await readFile(file, 'utf8');
      await writeFile(file, `host all app all trust\n${rules}`);
      await bench.asSuperuser('select pg_reload_conf()');
      const decoy =
        rotator.decoy?.(bench.credential(), { bytes: (length) => new Uint8Array(length), below: () => 0 }) ?? '';
      await until(async () => (await probe(decoy)).outcome === 'accepted');
      await writeFile(file, rules);
      await bench.asSuperuser('select pg_reload_conf()');
      await until(async () => (await probe(decoy)).outcome === 'refused');
    });

    for (const strategy of ['single-user', 'alternating-users'] as const)
      onBench(
        `a reply lost at the commit of ${strategy} is unreachable, and the same step then succeeds`,
        async (bench) => {
          const context = bench.context(strategy, 1);
          const { pending } = await rotator.create({ context, current: bench.credential() });
          await withWire(
            passingTo(server.port, (sent) => sent.includes('COMMIT')),
            async (wire) => {
              const through = (text: string) => JSON.stringify({ ...JSON.parse(text), port: wire.port });
              const lost = { ...context, admin: through(bench.admin()) };
              const error = await caught(
                rotator.set({
                  context: lost,
                  current: through(bench.credential()),
                  pending: through(pending),
                  previous: null,
                }),
              );
              assert.equal(error.class, 'unreachable', error.message);
            },
          );
          await until(async () => (await probe(pending)).outcome === 'accepted');
          await rotator.set({ context, current: bench.credential(), pending, previous: null });
          await rotator.test({ context, current: bench.credential(), pending });
          if (strategy === 'alternating-users') assert.equal((await probe(bench.credential())).outcome, 'accepted');
        },
      );

    onBench('without an admin credential a lost reply is found applied', async (bench) => {
      const context = bench.context('single-user', 1, { admin: null });
      const { pending } = await rotator.create({ context, current: bench.credential() });
      await rotator.set({ context, current: bench.credential(), pending, previous: null });
      assert.equal((await probe(bench.credential())).outcome, 'refused');
      await rotator.set({ context, current: bench.credential(), pending, previous: null });
      assert.equal((await probe(pending)).outcome, 'accepted');
    });

    // A real PgBouncer: postgres-pooler.test.ts.
    onBench(
      'a pooler named by via that says 28P01 has refused the login; what is no address is told',
      async (bench) => {
        const context = bench.context('alternating-users', 1);
        const { pending } = await rotator.create({ context, current: bench.credential() });
        await rotator.set({ context, current: bench.credential(), pending, previous: null });
        const testVia = (via: string) =>
          rotator.test({
            context: { ...context, settings: { ...context.settings, via } },
            current: bench.credential(),
            pending,
          });
        await withWire(answering(errorResponse('28P01')), async (wire) => {
          const error = await caught(testVia(`127.0.0.1:${wire.port}`));
          assert.equal(error.class, 'refused-login');
          assert.match(error.message, /through the pooler 127\.0\.0\.1/);
        });
        assert.equal((await caught(testVia('nonsense'))).class, 'rejected-form');
      },
    );

    onBench('a step that is out of time while a lock is held gives up at once', async (bench) => {
      const { user, password } = server.superuser;
      const context = bench.context('single-user', 1);
      const { pending } = await rotator.create({ context, current: bench.credential() });
      const request = { context, current: bench.credential(), pending, previous: null };
      await rotator.set(request);
      const holding = bench
        .as(user, password, 'BEGIN; ALTER ROLE app CONNECTION LIMIT 5; SELECT pg_sleep(20)')
        .catch(() => undefined);
      await until(
        async () => (await bench.asSuperuser("select from pg_stat_activity where wait_event = 'PgSleep'")).length > 0,
      );
      const error = await caught(
        rotator.set({ ...request, context: { ...context, signal: AbortSignal.timeout(300) } }),
      );
      assert.equal(error.class, 'unreachable', error.message);
      await bench.asSuperuser(
        "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
      );
      await holding;
    });

    describe('TLS', () => {
      before(() => offerTls(server, certificates));
      after(() => changeSettings(server, 'ALTER SYSTEM RESET ssl'));

      const encrypted = async (bench: PostgresBench, more: Record<string, unknown>) => {
        const context = bench.context('single-user', 1, { admin: null });
        const current = bench.credential('app', APP_PASSWORD, more);
        return probe(current, context.signal);
      };

      onBench('is used where the server offers it and the secret does not say otherwise', async (bench) => {
        await withWire(passingTo(server.port), async (wire) => {
          const bytes: Buffer[] = [];
          await withWire(
            passingTo(wire.port, (sent) => bytes.push(sent) < 0),
            async (tap) => {
              assert.equal((await encrypted(bench, { port: tap.port, ssl: undefined })).outcome, 'accepted');
            },
          );
          assert.doesNotMatch(Buffer.concat(bytes).toString('latin1'), /SCRAM-SHA-256/);
        });
      });

      onBench(
        'true, verify-full and verify-ca trust only what sslrootcert signs; require trusts anybody',
        async (bench) => {
          const sslrootcert = await readFile(certificates.authority, 'utf8');
          for (const ssl of [true, 'true', 'verify-full', 'verify-ca'])
            assert.equal((await encrypted(bench, { ssl })).outcome, 'unreachable', `${ssl} without the authority`);
          for (const ssl of [true, 'verify-full', 'verify-ca', 'require'])
            assert.equal(
              (await encrypted(bench, { ssl, sslrootcert })).outcome,
              'accepted',
              `${ssl} with the authority`,
            );
          assert.equal((await encrypted(bench, { ssl: 'require' })).outcome, 'accepted');
          assert.equal(
            (await encrypted(bench, { ssl: true, sslrootcert: certificates.authority })).outcome,
            'accepted',
          );
        },
      );

      onBench('verify-full refuses another name, verify-ca does not mind', async (bench) => {
        const sslrootcert = await readFile(certificates.authority, 'utf8');
        const more = { host: 'localhost', sslrootcert };
        assert.equal((await encrypted(bench, { ...more, ssl: 'verify-full' })).outcome, 'unreachable');
        assert.equal((await encrypted(bench, { ...more, ssl: 'verify-ca' })).outcome, 'accepted');
      });

      onBench('a whole rotation runs over it, and false stays plain', async (bench) => {
        const context = bench.context('alternating-users', 1, {
          admin: JSON.stringify({ ...JSON.parse(bench.admin()), ssl: 'require' }),
        });
        const current = bench.credential('app', APP_PASSWORD, { ssl: 'require' });
        const { pending } = await rotator.create({ context, current });
        await rotator.set({ context, current, pending, previous: null });
        await rotator.test({ context, current, pending });
        assert.equal((await encrypted(bench, { ssl: false })).outcome, 'accepted');
      });
    });

    onBench('absent falls back to plain, require does not', async (bench) => {
      assert.equal((await probe(bench.credential('app', APP_PASSWORD, { ssl: undefined }))).outcome, 'accepted');
      const strict = await probe(bench.credential('app', APP_PASSWORD, { ssl: 'require' }));
      assert.equal(strict.outcome, 'unclear');
      assert.match(strict.reason, /does not offer TLS/);
    });
  });
}

describe('the members that say how to connect', () => {
  test('are rejected by name when they make no sense', async () => {
    for (const [member, wrong] of [
      ['ssl', 'maybe'],
      ['port', 70_000],
      ['port', 'five'],
      ['engine', 'mysql'],
      ['username', 'x'.repeat(64)],
      ['username', 'a\0b'],
      ['alternateOf', 'other'],
      ['sslrootcert', 'relative.pem'],
      ['sslrootcert', '/no/such/file.pem'],
    ] as const) {
      const error = await caught(probe(at({ port: 1 }, { ssl: 'require', [member]: wrong })));
      assert.equal(error.class, 'rejected-form');
      assert.match(error.message, new RegExp(member));
    }
  });
});

async function caught(work: Promise<unknown>): Promise<RotatorError> {
  const error = await work.then(
    (result) => assert.fail(`did not fail: ${JSON.stringify(result)}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RotatorError, String(error));
  return error;
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!(await condition())) assert.ok(Date.now() < deadline, 'did not come about within three minutes');
}

/** Puts the certificate where the server's account can read it and switches TLS on; no restart is needed. */
async function offerTls(server: RunningPostgres, certificates: Certificates): Promise<void> {
  const data = join(server.folder, 'data');
  const { uid, gid } = await stat(data);
  for (const [name, file] of [
    ['server.crt', certificates.server],
    ['server.key', certificates.key],
  ] as const) {
    await writeFile(join(data, name), await readFile(file), { mode: 0o600 });
    await chown(join(data, name), uid, gid);
  }
  await changeSettings(server, 'ALTER SYSTEM SET ssl TO on');
}

async function changeSettings(server: RunningPostgres, statement: string): Promise<void> {
  const bench = await PostgresBench.open(server);
  const [before] = await bench.asSuperuser<{ at: string }>('select pg_conf_load_time()::text as at');
  await bench.asSuperuser(statement);
  await bench.asSuperuser('select pg_reload_conf()');
  await until(
    async () =>
      (await bench.asSuperuser<{ at: string }>('select pg_conf_load_time()::text as at'))[0]?.at !== before?.at,
  );
  await bench.close();
}

interface Certificates {
  readonly authority: string;
  readonly server: string;
  readonly key: string;
  remove(): Promise<void>;
}

/** An authority of our own and a certificate for 127.0.0.1, readable by the account the test servers run as. */
async function makeCertificates(): Promise<Certificates> {
  const folder = await mkdtemp(join(tmpdir(), 'rekey-certificates-'));
  const file = (name: string) => join(folder, name);
  const openssl = (...args: string[]) => execFileSync('openssl', args, { cwd: folder, stdio: 'pipe' });
  openssl(
    'req',
    '-x509',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-days',
    '2',
    '-subj',
    '/CN=test authority',
    '-keyout',
    'authority.key',
    '-out',
    'authority.pem',
  );
  openssl(
    'req',
    '-newkey',
    'ec',
    '-pkeyopt',
    'ec_paramgen_curve:P-256',
    '-nodes',
    '-subj',
    '/CN=server',
    '-keyout',
    'server.key',
    '-out',
    'server.csr',
  );
  await appendFile(file('names'), 'subjectAltName=IP:127.0.0.1');
  openssl(
    'x509',
    '-req',
    '-in',
    'server.csr',
    '-CA',
    'authority.pem',
    '-CAkey',
    'authority.key',
    '-CAcreateserial',
    '-days',
    '2',
    '-extfile',
    'names',
    '-out',
    'server.pem',
  );
  return {
    authority: file('authority.pem'),
    server: file('server.pem'),
    key: file('server.key'),
    remove: () => rm(folder, { recursive: true }),
  };
}
