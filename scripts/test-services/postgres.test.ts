import assert from 'node:assert/strict';
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { chmod, mkdir, mkdtemp, readdir, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { after, before, describe, test } from 'node:test';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import pg from 'pg';
import { available, type PostgresVersion, type RunningPostgres, startPostgres } from './postgres.ts';
import { findProcesses, processStart } from './process-identity.ts';

const starter = fileURLToPath(new URL('postgres.ts', import.meta.url));

async function eventually(holds: () => boolean, what: string): Promise<void> {
  const deadline = Date.now() + 180_000;
  while (!holds()) {
    assert.ok(Date.now() < deadline, what);
    await delay(25);
  }
}

async function login(server: RunningPostgres, password: string): Promise<string> {
  const client = new pg.Client({
    host: server.host,
    port: server.port,
    user: server.superuser.user,
    password,
    database: 'postgres',
  });
  try {
    await client.connect();
    const { rows } = await client.query('select version()');
    return rows[0].version;
  } finally {
    await client.end();
  }
}

let folder: string;
before(async () => {
  folder = await mkdtemp(join(tmpdir(), 'rekey-starter-test-'));
  // The account that root borrows must get through to the server's folder inside.
  await chmod(folder, 0o711);
});
after(() => rm(folder, { recursive: true, force: true }));

for (const version of ['embedded', 'debian-15'] satisfies PostgresVersion[]) {
  const { available: here, why } = available(version);
  describe(`PostgreSQL ${version}`, { skip: here ? false : why }, () => {
    test('starts, checks passwords, takes settings, and leaves no process and no file when stopped', async () => {
      const server = await startPostgres({ version, folder, settings: { max_connections: '17' } });
      try {
        assert.match(
          await login(server, server.superuser.password),
          version === 'embedded' ? /^PostgreSQL 18/ : /^PostgreSQL 15/,
        );
        await assert.rejects(login(server, 'not the password'), { code: '28P01' });
        assert.equal((await stat(join(server.folder, 'socket'))).mode & 0o777, 0o700);
        assert.ok(!existsSync(join(server.folder, 'superuser-password')));
      } finally {
        await server.stop();
      }
      await server.stop();
      assert.equal(processStart(server.processId), null);
      assert.deepEqual(await readdir(folder), []);
    });
  });
}

describe('a starter that dies', { skip: available('embedded').available ? false : available('embedded').why }, () => {
  interface Started {
    folder: string;
    processId: number;
  }

  /** A process that starts PostgreSQL, says where, and lives until killed. */
  async function startElsewhere(): Promise<{ owner: ReturnType<typeof spawn>; started: Started }> {
    const program = `import { startPostgres } from ${JSON.stringify(starter)};
      const server = await startPostgres({ version: 'embedded', folder: ${JSON.stringify(folder)} });
      console.log(JSON.stringify(server)); setInterval(() => {}, 1000);`;
    const owner = spawn(process.execPath, ['--input-type=module', '-e', program], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const [line] = await once(createInterface(owner.stdout!), 'line');
    return { owner, started: JSON.parse(line) as Started };
  }

  test('takes its PostgreSQL and its files along, even when killed', async () => {
    const { owner, started } = await startElsewhere();
    owner.kill('SIGKILL');
    await eventually(() => !existsSync(started.folder), 'the folder is removed');
    assert.equal(processStart(started.processId), null);
  });

  test('is tidied up after by the next start when even the watcher was killed, and strangers are left alone', async () => {
    const { owner, started } = await startElsewhere();
    for (const watcher of findProcesses(`sweep.sh ${started.folder}`)) process.kill(watcher, 'SIGKILL');
    owner.kill('SIGKILL');
    await once(owner, 'exit');
    const stranger = join(folder, 'rekey-postgres-of-somebody-else');
    await mkdir(stranger);
    await writeFile(join(stranger, 'file'), '');
    assert.notEqual(processStart(started.processId), null);

    const next = await startPostgres({ version: 'embedded', folder });
    try {
      assert.equal(processStart(started.processId), null);
      assert.ok(!existsSync(started.folder));
      assert.ok(existsSync(join(stranger, 'file')));
    } finally {
      await next.stop();
      await rm(stranger, { recursive: true });
    }
  });
});
