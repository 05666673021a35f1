import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { after, before, describe, test } from 'node:test';
import { type Finding, leaks, RotatorError, type Strategy } from '@rekey/core';
import {
  available,
  type PostgresVersion,
  type RunningPostgres,
  startPostgres,
} from '../../../scripts/test-services/postgres.ts';
import { postgres } from './postgres.ts';
import { ADMIN, ADMIN_PASSWORD, APP_PASSWORD, PostgresBench } from './support/postgres-bench.ts';
import { alternateNameOf, quoteIdentifier } from './support/postgres-names.ts';

const rotator = postgres();
type ContextOptions = Parameters<PostgresBench['context']>[2];

/** One rotation from current to tested, and what it found. */
async function rotate(
  bench: PostgresBench,
  strategy: Strategy,
  fence: number,
  current: string,
  options: ContextOptions = {},
) {
  const context = bench.context(strategy, fence, options);
  const { pending } = await rotator.create({ context, current });
  const repaired = (await rotator.set({ context, current, pending, previous: null })).findings;
  const reported = (await rotator.test({ context, current, pending })).findings;
  return {
    pending,
    findings: [...repaired, ...reported],
    login: JSON.parse(pending) as { username: string; password: string },
  };
}

async function fails(work: Promise<unknown>, errorClass: string, pattern: RegExp): Promise<RotatorError> {
  const error = await work.then(
    () => assert.fail(`did not fail; expected ${errorClass}`),
    (thrown: unknown) => thrown,
  );
  assert.ok(error instanceof RotatorError, String(error));
  assert.equal(error.class, errorClass, `${error.message} (${error.class})`);
  assert.match(`${error.message} ${error.nextAction}`, pattern);
  return error;
}

const textsOf = (findings: readonly Finding[]) =>
  findings.map(({ kind, text, statement }) => `${kind}: ${text} | ${statement}`).join('\n');

for (const version of ['embedded', 'debian-15'] as const satisfies readonly PostgresVersion[]) {
  const { available: startable, why } = available(version);
  describe(`postgres on a real server (${version})`, { skip: startable ? false : why }, () => {
    let server: RunningPostgres;
    before(async () => {
      server = await startPostgres({ version, settings: { fsync: 'off', log_statement: 'all' } });
    });
    after(() => server?.stop());

    /** A test with a bench of its own. */
    const onBench = (title: string, work: (bench: PostgresBench) => Promise<void>, role = 'app') =>
      test(title, async () => {
        const bench = await PostgresBench.open(server, role);
        try {
          await work(bench);
        } finally {
          await bench.close();
        }
      });

    for (const role of [
      'Upper Case',
      'quo"te',
      "apo'strophe",
      'back\\slash',
      'drop";--',
      'naïve-rôle-日本語',
      '$user',
      'a'.repeat(63),
      'a'.repeat(57),
      'é'.repeat(31),
      '日'.repeat(21),
    ])
      onBench(
        `rotates the role ${role} by both strategies, to and fro`,
        async (bench) => {
          const single = await rotate(bench, 'single-user', 1, bench.credential());
          assert.equal(single.login.username, role);
          const there = await rotate(bench, 'alternating-users', 2, single.pending);
          assert.equal(there.login.username, alternateNameOf(role));
          assert.ok(Buffer.byteLength(there.login.username) <= 63);
          const [seen] = await bench.as<{ me: string }>(
            there.login.username,
            there.login.password,
            'select current_user as me',
          );
          assert.equal(seen?.me, role);
          const context = bench.context('alternating-users', 2);
          await rotator.revoke({ context, retired: single.pending, current: there.pending });
          const back = await rotate(bench, 'alternating-users', 3, there.pending);
          assert.deepEqual([back.login.username, JSON.parse(back.pending).alternateOf], [role, undefined]);
          assert.deepEqual(back.findings, []);
        },
        role,
      );

    onBench('sends no clear password: the log of all statements holds none', async (bench) => {
      const first = await rotate(bench, 'single-user', 1, bench.credential());
      const itself = await rotate(bench, 'single-user', 2, first.pending, { admin: null });
      const second = await rotate(bench, 'alternating-users', 3, itself.pending);
      const context = bench.context('alternating-users', 3);
      await rotator.revoke({ context, retired: itself.pending, current: second.pending });
      const log = await readFile(server.logFile, 'utf8');
      assert.match(log, /ALTER ROLE "app" PASSWORD 'SCRAM-SHA-256\$4096:/);
      const passwords = [first, itself, second].map(({ login }) => login.password);
      assert.deepEqual(leaks(log, [...passwords]), []);
    });

    onBench(
      'keeps what people wrote into the comment, and writes the number of the rotation beside it',
      async (bench) => {
        await bench.asSuperuser(`COMMENT ON ROLE app IS 'owned by team ''shop'''`);
        await rotate(bench, 'single-user', 41, bench.credential());
        const [row] = await bench.asSuperuser<{ comment: string }>(
          "select shobj_description('app'::regrole, 'pg_authid') as comment",
        );
        assert.match(row?.comment ?? '', /^owned by team 'shop' \[rekey .*"fence":41.*\]$/);
      },
    );

    onBench('of two rotations that write at once the newer one stands', async (bench) => {
      let current = (await rotate(bench, 'single-user', 1, bench.credential())).pending;
      for (let number = 2; number <= 10; number += 2) {
        const made = await Promise.all(
          [number, number + 1].map((fence) =>
            rotator.create({ context: bench.context('single-user', fence), current }),
          ),
        );
        const settled = await Promise.allSettled(
          made.map(({ pending }, index) =>
            rotator.set({ context: bench.context('single-user', number + index), current, pending, previous: null }),
          ),
        );
        assert.equal(settled[1]?.status, 'fulfilled');
        current = made[1]!.pending;
        const { username, password } = JSON.parse(current);
        await bench.as(username, password, 'select 1');
      }
    });

    describe('alternating users', () => {
      onBench(
        'the alternate acts as the original, which stays the owner of everything, and no table is touched',
        async (bench) => {
          await bench.as('app', APP_PASSWORD, 'CREATE TABLE own.orders (id int)');
          const look =
            "select c.oid, relowner::regrole::text, relacl::text, c.xmin::text from pg_class c where relname = 'orders'";
          const before = await bench.asSuperuser(look);
          const { login } = await rotate(bench, 'alternating-users', 1, bench.credential());
          assert.deepEqual(await bench.asSuperuser(look), before);
          await bench.as(
            login.username,
            login.password,
            'INSERT INTO own.orders VALUES (1); CREATE TABLE own.more (id int); ALTER TABLE own.orders ADD x int',
          );
          const [row] = await bench.asSuperuser<{ tableowner: string }>(
            "select tableowner from pg_tables where tablename = 'more'",
          );
          assert.equal(row?.tableowner, 'app');
        },
      );

      onBench('settings are copied, also those of one database, and follow what changes later', async (bench) => {
        await bench.asSuperuser(`
          ALTER ROLE app SET search_path TO "$user", own, public;
          ALTER ROLE app SET "TimeZone" TO 'Europe/Zurich';
          ALTER ROLE app SET application_name TO 'it''s a \\ "name", really';
          ALTER ROLE app IN DATABASE ${bench.database} SET work_mem TO '7MB'`);
        const { login, pending } = await rotate(bench, 'alternating-users', 1, bench.credential());
        const show = `select current_setting('search_path') p, current_setting('TimeZone') z, current_setting('work_mem') w, current_setting('application_name') n`;
        assert.deepEqual(
          await bench.as(login.username, login.password, show),
          await bench.as('app', APP_PASSWORD, show),
        );
        await bench.asSuperuser(
          "ALTER ROLE app RESET search_path; ALTER ROLE app SET work_mem TO '9MB'; ALTER ROLE app_clone SET datestyle TO 'German'",
        );
        const back = await rotate(bench, 'alternating-users', 2, pending);
        assert.match(textsOf(back.findings), /repaired: .*work_mem/);
        assert.match(textsOf(back.findings), /repaired: .*search_path/);
        assert.match(textsOf(back.findings), /to keep it: ALTER ROLE "app" SET "DateStyle"/);
        assert.deepEqual(
          await bench.as(login.username, login.password, show),
          await bench.as(back.login.username, back.login.password, show),
        );
      });

      onBench('a role that itself acts as another by default has an alternate that does, too', async (bench) => {
        await bench.asSuperuser('CREATE ROLE owners; GRANT owners TO app; ALTER ROLE app SET role TO owners');
        const { login, findings } = await rotate(bench, 'alternating-users', 1, bench.credential());
        const [row] = await bench.as<{ me: string }>(login.username, login.password, 'select current_user as me');
        assert.equal(row?.me, 'owners');
        assert.deepEqual(
          findings.filter(({ kind }) => kind === 'reported'),
          [],
        );
      });

      onBench('what only a superuser can copy is named at every rotation, with the statement', async (bench) => {
        const attributes = version === 'embedded' ? ['REPLICATION', 'BYPASSRLS'] : ['BYPASSRLS'];
        await bench.asSuperuser(`
          ALTER ROLE app ${attributes.join(' ')};
          ALTER ROLE app SET log_min_duration_statement TO 5; ALTER ROLE app SET my.flag TO 'on'`);
        const expected = [
          ...attributes.map((attribute) => `ALTER ROLE "app_clone" ${attribute}`),
          `ALTER ROLE "app_clone" SET "log_min_duration_statement" TO '5'`,
          `ALTER ROLE "app_clone" SET "my"."flag" TO 'on'`,
        ];
        let current = bench.credential();
        for (const number of [1, 2]) {
          const { pending, findings } = await rotate(bench, 'alternating-users', number, current);
          assert.deepEqual(
            findings.map(({ kind, statement }) => [kind, statement]),
            expected.map((statement) => ['reported', statement]),
          );
          current = pending;
        }
        for (const statement of expected) await bench.asSuperuser(statement);
        assert.deepEqual((await rotate(bench, 'alternating-users', 3, current)).findings, []);
      });

      onBench('a role that only a superuser may change is refused before anything is written', async (bench) => {
        const attributes = version === 'embedded' ? ['SUPERUSER'] : ['SUPERUSER', 'REPLICATION'];
        for (const attribute of attributes) {
          await bench.asSuperuser(`ALTER ROLE app ${attribute}`);
          await fails(
            rotate(bench, 'alternating-users', 1, bench.credential()),
            'missing-privilege',
            /Only a superuser/,
          );
          const plan = await rotator.plan({ context: bench.context('single-user', 1), current: bench.credential() });
          assert.deepEqual(plan.needs, [`ALTER ROLE "${ADMIN}" SUPERUSER;`]);
          await bench.asSuperuser(`ALTER ROLE app NO${attribute}`);
        }
        assert.equal((await bench.asSuperuser("select from pg_roles where rolname = 'app_clone'")).length, 0);
      });

      onBench(
        'what was granted to the alternate by name is given to the original where the admin may, else named',
        async (bench) => {
          const { pending } = await rotate(bench, 'alternating-users', 1, bench.credential());
          await bench.asSuperuser(`
          CREATE ROLE others; CREATE ROLE lent; GRANT lent TO "${ADMIN}" WITH ADMIN OPTION;
          CREATE SCHEMA away; CREATE TABLE away."T a" (a int, "b B" int); CREATE SEQUENCE away.s;
          CREATE FUNCTION away.f(int, text) RETURNS int LANGUAGE sql AS 'select 1'; REVOKE ALL ON FUNCTION away.f FROM public;
          GRANT USAGE ON SCHEMA away TO "${ADMIN}" WITH GRANT OPTION; GRANT USAGE ON SCHEMA away TO app_clone;
          GRANT SELECT ON away."T a" TO app_clone; GRANT UPDATE ("b B") ON away."T a" TO app_clone WITH GRANT OPTION;
          GRANT USAGE ON SEQUENCE away.s TO app_clone; GRANT EXECUTE ON FUNCTION away.f TO app_clone;
          GRANT TEMPORARY ON DATABASE ${bench.database} TO app_clone;
          GRANT lent TO app_clone`);
          const second = await rotate(bench, 'alternating-users', 2, pending);
          const said = textsOf(second.findings);
          assert.match(said, /repaired: USAGE on SCHEMA away/);
          assert.match(said, /repaired: membership in lent/);
          for (const statement of [
            'GRANT SELECT ON TABLE away."T a" TO "app"',
            'GRANT UPDATE ("b B") ON TABLE away."T a" TO "app" WITH GRANT OPTION',
            'GRANT USAGE ON SEQUENCE away.s TO "app"',
            'GRANT EXECUTE ON ROUTINE away.f(integer,pg_catalog.text) TO "app"',
            `GRANT TEMPORARY ON DATABASE ${bench.database} TO "app"`,
          ])
            assert.ok(said.includes(`reported:`) && said.includes(statement), `${statement} not in:\n${said}`);
          for (const { kind, statement } of second.findings)
            if (kind === 'reported') await bench.asSuperuser(statement!);
          assert.deepEqual((await rotate(bench, 'alternating-users', 3, second.pending)).findings, []);
        },
      );

      onBench(
        'what the alternate came to own goes back to the original, or is reported while it is in use',
        async (bench) => {
          const first = await rotate(bench, 'alternating-users', 1, bench.credential());
          await bench.as(
            first.login.username,
            first.login.password,
            'SET ROLE NONE; CREATE TABLE own.strays (id int); CREATE FUNCTION own.f() RETURNS int LANGUAGE sql AS $$select 1$$',
          );
          const { user, password } = server.superuser;
          const lock = 'BEGIN; LOCK TABLE own.strays IN ACCESS SHARE MODE; SELECT pg_sleep(30)';
          const holder = bench.as(user, password, lock).catch(() => undefined);
          await untilSleeping(bench, 1);
          const second = await rotate(bench, 'alternating-users', 2, first.pending);
          assert.match(
            textsOf(second.findings),
            /reported: app_clone had come to own .*table own\.strays.*\| REASSIGN OWNED BY "app_clone" TO "app"/,
          );
          await bench.asSuperuser(
            "select pg_terminate_backend(pid) from pg_stat_activity where query like '%pg_sleep%' and pid <> pg_backend_pid()",
          );
          await holder;
          const third = await rotate(bench, 'alternating-users', 3, second.pending);
          assert.match(textsOf(third.findings), /repaired: app_clone had come to own/);
          const [row] = await bench.asSuperuser<{ owner: string }>(
            "select tableowner as owner from pg_tables where tablename = 'strays'",
          );
          assert.equal(row?.owner, 'app');
          assert.deepEqual((await rotate(bench, 'alternating-users', 4, third.pending)).findings, []);
        },
      );

      for (const reset of ['DISCARD ALL', 'RESET ALL', 'RESET SESSION AUTHORIZATION', 'RESET ROLE', 'SET ROLE NONE'])
        onBench(
          `what an application makes after ${reset} belongs to the original from the next rotation on`,
          async (bench) => {
            const first = await rotate(bench, 'alternating-users', 1, bench.credential());
            const { username, password } = first.login;
            await bench.inOneSession(username, password, [reset, 'CREATE TABLE own.made (id int)']);
            const owner = async () =>
              (
                await bench.asSuperuser<{ owner: string }>(
                  "select tableowner as owner from pg_tables where tablename = 'made'",
                )
              )[0]?.owner;
            const strayed = (await owner()) === username;
            assert.equal(
              strayed,
              reset === 'SET ROLE NONE',
              'whatever resets the session goes back to the role of its login',
            );
            const second = await rotate(bench, 'alternating-users', 2, first.pending);
            assert.equal(await owner(), 'app');
            const told = /repaired: app_clone had come to own table own\.made; app owns it now/;
            assert.equal(told.test(textsOf(second.findings)), strayed);
            await bench.as('app', second.login.password, 'ALTER TABLE own.made ADD more int');
          },
        );

      onBench('a role of that name that rekey did not make is never touched', async (bench) => {
        await bench.asSuperuser("CREATE ROLE app_clone LOGIN PASSWORD 'somebody-elses'");
        await fails(
          rotate(bench, 'alternating-users', 1, bench.credential()),
          'conflict',
          /app_clone exists.*COMMENT ON ROLE/,
        );
        await bench.as('app_clone', 'somebody-elses', 'select 1');
        await bench.as('app', APP_PASSWORD, 'select 1');
      });

      onBench('an alternate somebody crippled is mended: membership, role setting, LOGIN', async (bench) => {
        const first = await rotate(bench, 'alternating-users', 1, bench.credential());
        const second = await rotate(bench, 'alternating-users', 2, first.pending);
        await bench
          .asSuperuser(
            'REVOKE app FROM app_clone GRANTED BY "rekey admin"; ALTER ROLE app_clone RESET role; ALTER ROLE app_clone NOINHERIT',
          )
          .catch(() =>
            bench.asSuperuser(
              'REVOKE app FROM app_clone; ALTER ROLE app_clone RESET role; ALTER ROLE app_clone NOINHERIT',
            ),
          );
        const third = await rotate(bench, 'alternating-users', 3, second.pending);
        assert.match(textsOf(third.findings), /repaired: app_clone is no full member of app/);
        const [row] = await bench.as<{ me: string }>('app_clone', third.login.password, 'select current_user as me');
        assert.equal(row?.me, 'app');
      });

      onBench('revoke ends the sessions of the retired role when asked, both ways, and no other', async (bench) => {
        const endSessions = { settings: { endSessions: true } };
        const first = await rotate(bench, 'alternating-users', 1, bench.credential(), endSessions);
        const sleep = 'select pg_sleep(60)';
        const old = assert.rejects(bench.as('app', APP_PASSWORD, sleep), /terminat/);
        const kept = bench.as(first.login.username, first.login.password, sleep).catch(() => 'ended');
        await untilSleeping(bench, 2);
        const context = bench.context('alternating-users', 1, endSessions);
        const retired = await rotator.revoke({ context, retired: bench.credential(), current: first.pending });
        assert.deepEqual([retired.endedSessions, retired.endedInFlight], [1, 1]);
        await old;
        const ended = await bench.asSuperuser(
          "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
        );
        assert.equal(ended.length, 1, 'the session of the role in use goes on');
        await kept;
        const again = await rotator.revoke({ context, retired: bench.credential(), current: first.pending });
        assert.equal(again.endedSessions, 0);
        const memberships = await bench.asSuperuser(
          'select from pg_auth_members m where m.member = \'"rekey admin"\'::regrole and not admin_option',
        );
        assert.equal(memberships.length, 0);
      });

      onBench('a retired role forgets its password by itself once no admin credential is named', async (bench) => {
        const first = await rotate(bench, 'alternating-users', 1, bench.credential());
        const context = bench.context('single-user', 2, { admin: null });
        await rotator.revoke({ context, retired: bench.credential(), current: first.pending });
        await assert.rejects(bench.as('app', APP_PASSWORD, 'select 1'));
        await bench.as(first.login.username, first.login.password, 'select 1');
      });

      onBench('needs an admin credential other than the role itself, and says so', async (bench) => {
        await fails(
          rotate(bench, 'alternating-users', 1, bench.credential(), { admin: null }),
          'rejected-form',
          /masterarn/,
        );
        await fails(
          rotate(bench, 'alternating-users', 1, bench.credential(), { admin: bench.credential() }),
          'rejected-form',
          /masterarn/,
        );
      });
    });

    describe('whose role it is', () => {
      onBench('the admin credential changes no role the secret cannot log in as', async (bench) => {
        await bench.asSuperuser(
          `CREATE ROLE victim LOGIN PASSWORD 'victim-password'${version === 'embedded' ? `; GRANT victim TO "${ADMIN}" WITH ADMIN OPTION` : ''}`,
        );
        const forged = bench.credential('victim', 'guessed-password');
        await fails(rotate(bench, 'single-user', 1, forged), 'refused-login', /no mark of this secret/);
        await fails(rotate(bench, 'alternating-users', 1, forged), 'refused-login', /no mark of this secret/);
        await bench.as('victim', 'victim-password', 'select 1');
      });

      onBench('the origin of an alternate is believed only where the server bears it out', async (bench) => {
        await bench.asSuperuser(`
          CREATE ROLE victim LOGIN PASSWORD 'victim-password'; CREATE ROLE victim_clone LOGIN PASSWORD 'known-password'
          ${version === 'embedded' ? `; GRANT victim, victim_clone TO "${ADMIN}" WITH ADMIN OPTION` : ''}`);
        const forged = bench.credential('victim_clone', 'known-password', { alternateOf: 'victim' });
        await fails(rotate(bench, 'alternating-users', 1, forged), 'conflict', /victim_clone/);
        await bench.as('victim', 'victim-password', 'select 1');
      });

      onBench(
        'a role of another secret is taken over only with a credential that logs in, and that is reported',
        async (bench) => {
          const first = await rotate(bench, 'single-user', 7, bench.credential());
          const other = { arn: 'arn:other' };
          await fails(rotate(bench, 'single-user', 1, bench.credential(), other), 'refused-login', /mark/);
          const taken = await rotate(bench, 'single-user', 1, first.pending, other);
          assert.match(textsOf(taken.findings), /takes over/);
        },
      );

      onBench(
        'a password changed by hand is mended by the admin credential once the role bears the mark',
        async (bench) => {
          const first = await rotate(bench, 'single-user', 1, bench.credential());
          await bench.asSuperuser("ALTER ROLE app PASSWORD 'changed-by-hand'");
          const second = await rotate(bench, 'single-user', 2, first.pending);
          await bench.as('app', second.login.password, 'select 1');
        },
      );

      onBench('without an admin credential a password changed by hand is drift, never a lock-out', async (bench) => {
        await bench.asSuperuser("ALTER ROLE app PASSWORD 'changed-by-hand'");
        await fails(rotate(bench, 'single-user', 1, bench.credential(), { admin: null }), 'refused-login', /28P01/);
        await bench.as('app', 'changed-by-hand', 'select 1');
      });
    });

    describe('a server put back from a backup with an older password', () => {
      onBench(
        'takes the current value again from the role itself, which gets in with the value before',
        async (bench) => {
          const context = bench.context('single-user', 2, { admin: null });
          const current = bench.credential('app', 'current-password');
          await rotator.set({ context, current, pending: current, previous: bench.credential() });
          await bench.as('app', 'current-password', 'select 1');
          await assert.rejects(bench.as('app', APP_PASSWORD, 'select 1'));
        },
      );

      onBench('takes it from the admin credential, though the role bears no mark of the secret yet', async (bench) => {
        const context = bench.context('single-user', 2);
        const current = bench.credential('app', 'current-password');
        await rotator.set({ context, current, pending: current, previous: bench.credential() });
        await bench.as('app', 'current-password', 'select 1');
      });

      onBench('is not believed to be where no known value logs in', async (bench) => {
        const current = bench.credential('app', 'current-password');
        const previous = bench.credential('app', 'unknown-password');
        for (const admin of [null, bench.admin()]) {
          const context = bench.context('single-user', 2, { admin });
          await fails(rotator.set({ context, current, pending: current, previous }), 'refused-login', /app/);
        }
        await bench.as('app', APP_PASSWORD, 'select 1');
      });
    });

    describe('what is missing', () => {
      onBench(
        'privileges of the admin credential are named by plan as statements that, once run, suffice',
        async (bench) => {
          await bench.asSuperuser(`ALTER ROLE "${ADMIN}" NOCREATEROLE`);
          if (version === 'embedded') await bench.asSuperuser(`REVOKE app FROM "${ADMIN}"`);
          for (const strategy of ['single-user', 'alternating-users'] as const) {
            await fails(rotate(bench, strategy, 1, bench.credential()), 'missing-privilege', /42501|superuser/);
            await bench.as('app', APP_PASSWORD, 'select 1');
          }
          const plan = await rotator.plan({
            context: bench.context('alternating-users', 1),
            current: bench.credential(),
          });
          assert.ok(plan.needs.includes(`ALTER ROLE "${ADMIN}" CREATEROLE;`));
          assert.equal(plan.needs.length, version === 'embedded' ? 2 : 1);
          for (const statement of plan.needs) await bench.asSuperuser(statement);
          await rotate(bench, 'alternating-users', 1, bench.credential());
          const then = await rotator.plan({
            context: bench.context('alternating-users', 1),
            current: bench.credential(),
          });
          assert.deepEqual(then.needs, []);
        },
      );

      onBench('plan shows the statements without values, the window, and changes nothing', async (bench) => {
        const alternating = await rotator.plan({
          context: bench.context('alternating-users', 1),
          current: bench.credential(),
        });
        assert.deepEqual(
          alternating.statements.map((statement) => statement.split(' ').slice(0, 3).join(' ')),
          ['CREATE ROLE "app_clone"', 'GRANT "app" TO', 'ALTER ROLE "app_clone"', 'ALTER ROLE "app_clone"'],
        );
        assert.equal(alternating.expectedWindow, 0);
        const single = await rotator.plan({ context: bench.context('single-user', 1), current: bench.credential() });
        assert.ok(single.expectedWindow > 0);
        assert.deepEqual(single.statements, [`ALTER ROLE "app" PASSWORD 'SCRAM-SHA-256$…'`]);
        assert.equal((await bench.asSuperuser("select from pg_roles where rolname = 'app_clone'")).length, 0);
      });

      onBench('VALID UNTIL in the past and NOLOGIN are named before anything is changed', async (bench) => {
        await bench.asSuperuser("ALTER ROLE app VALID UNTIL '2020-01-01'");
        await fails(
          rotate(bench, 'single-user', 1, bench.credential()),
          'missing-privilege',
          /VALID UNTIL.*has passed.*VALID UNTIL 'infinity'/,
        );
        const plan = await rotator.plan({ context: bench.context('single-user', 1), current: bench.credential() });
        assert.match(plan.warnings.join('\n'), /VALID UNTIL/);
        await bench.asSuperuser("ALTER ROLE app VALID UNTIL 'infinity' NOLOGIN");
        await fails(rotate(bench, 'single-user', 1, bench.credential()), 'missing-privilege', /NOLOGIN/);
        await bench.asSuperuser('ALTER ROLE app LOGIN');
        await bench.as('app', APP_PASSWORD, 'select 1');
      });

      onBench('a role that does not exist is said to be absent', async (bench) => {
        await fails(
          rotate(bench, 'single-user', 1, bench.credential('nobody', 'x-password')),
          'refused-login',
          /no role nobody/,
        );
      });

      onBench('a refused admin credential is told from a refused role', async (bench) => {
        const admin = bench.credential(ADMIN, 'wrong-password');
        await fails(
          rotate(bench, 'single-user', 1, bench.credential(), { admin }),
          'refused-login',
          /admin credential/,
        );
        assert.notEqual(ADMIN_PASSWORD, 'wrong-password');
      });
    });

    onBench('sessions that outlive a single-user rotation are named when nobody says which are old', async (bench) => {
      const options = { settings: { endSessions: true } };
      const { pending } = await rotate(bench, 'single-user', 1, bench.credential(), options);
      const context = bench.context('single-user', 1, options);
      const { findings } = await rotator.revoke({ context, retired: bench.credential(), current: pending });
      assert.match(textsOf(findings), /reported: Sessions of app .* were not ended \| SELECT pg_terminate_backend/);
    });

    for (const admin of ['with an admin credential', 'by the role itself'])
      onBench(
        `sessions of the old password end after a single-user rotation, ${admin}, and no newer ones`,
        async (bench) => {
          const options = { settings: { endSessions: true }, ...(admin.startsWith('with') ? {} : { admin: null }) };
          const old = assert.rejects(bench.as('app', APP_PASSWORD, 'select pg_sleep(60)'), /terminat/);
          await untilSleeping(bench, 1);
          const before = Date.now();
          const { pending, login } = await rotate(bench, 'single-user', 1, bench.credential(), options);
          const kept = bench.as('app', login.password, 'select pg_sleep(60)').catch(() => 'ended');
          await untilSleeping(bench, 2);
          const context = bench.context('single-user', 1, options);
          const sessionsOlderThan = () => Date.now() - before;
          const asked = { context, retired: bench.credential(), current: pending, sessionsOlderThan };
          const { endedSessions, endedInFlight } = await rotator.revoke(asked);
          assert.deepEqual([endedSessions, endedInFlight], [1, 1]);
          await old;
          const left = await bench.asSuperuser(
            "select pg_cancel_backend(pid) from pg_stat_activity where wait_event = 'PgSleep'",
          );
          assert.equal(left.length, 1, 'the session of the new password goes on');
          await kept;
        },
      );

    onBench('plan warns of a current credential that does not log in', async (bench) => {
      const current = bench.credential('app', 'wrong-password');
      const plan = await rotator.plan({ context: bench.context('single-user', 1), current });
      assert.match(plan.warnings[0] ?? '', /does not log in/);
    });

    onBench('no connection is left open', async (bench) => {
      const first = await rotate(bench, 'alternating-users', 1, bench.credential());
      await rotator.probe({
        credential: first.pending,
        settings: bench.context('single-user', 1).settings,
        signal: AbortSignal.timeout(5_000),
      });
      await until(
        async () =>
          (await bench.asSuperuser("select from pg_stat_activity where application_name = 'rekey'")).length === 0,
      );
    });

    onBench(
      "functions of the application that shadow the server's own are not run by the admin credential",
      async (bench) => {
        await bench.asSuperuser('GRANT CREATE ON SCHEMA public TO app');
        await bench
          .as(
            'app',
            APP_PASSWORD,
            `
        CREATE FUNCTION public.trap(text, text[]) RETURNS boolean LANGUAGE plpgsql AS $$ begin execute format('ALTER ROLE %I CREATEROLE', 'app'); return true; end $$;
        CREATE FUNCTION public.shobj_description(oid, text) RETURNS text LANGUAGE plpgsql AS $$ begin execute 'ALTER ROLE app CREATEROLE'; return ''; end $$;
        CREATE FUNCTION public.json_agg(text) RETURNS text LANGUAGE sql AS 'select 1/0::text'`,
          )
          .catch(() => undefined);
        await rotate(bench, 'alternating-users', 1, bench.credential());
        const [row] = await bench.asSuperuser<{ rolcreaterole: boolean }>(
          "select rolcreaterole from pg_roles where rolname = 'app'",
        );
        assert.equal(row?.rolcreaterole, false);
        assert.equal(quoteIdentifier('a"b'), '"a""b"');
      },
    );
  });
}

async function until(condition: () => Promise<boolean>): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!(await condition())) assert.ok(Date.now() < deadline, 'did not come about within three minutes');
}

async function untilSleeping(bench: PostgresBench, sessions: number): Promise<void> {
  await until(
    async () =>
      (await bench.asSuperuser("select from pg_stat_activity where wait_event = 'PgSleep'")).length >= sessions,
  );
}
