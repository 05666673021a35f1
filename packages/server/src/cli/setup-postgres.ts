import { readFileSync } from 'node:fs';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { describePlan } from './adopt.ts';
import { type Connection, connect, secretPath, type WhereOptions } from './connection.ts';
import { readHidden } from './input.ts';
import { createOutput, type Output, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';
import { rotationBody } from './rotation.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly host?: string;
  readonly port: string;
  readonly dbname?: string;
  readonly username?: string;
  readonly passwordFile?: string;
  readonly admin?: string;
  readonly ssl?: string;
  readonly strategy?: string;
  readonly every: string;
  readonly overlap?: string;
  readonly usernameMayChange?: boolean;
  readonly via?: string;
  readonly endSessions?: boolean;
  readonly yes: boolean;
}

/** `rekey setup postgres NAME`: from nothing to a rotating secret, asking what was not given. */
export function addSetup(program: Command): void {
  const setup = program.command('setup').description('take a credential into rotation, step by step');
  withCommonOptions(setup.command('postgres <name>'))
    .description('store the credential of a PostgreSQL role, prove it, show what a rotation would do, and schedule it')
    .option('--host <host>', 'host of the server')
    .option('--port <port>', 'port of the server', '5432')
    .option('--dbname <name>', 'database to log in to')
    .option('--username <role>', 'role the application logs in as')
    .option('--password-file <file>', 'file with its present password (else asked for, without echo)')
    .option('--admin <secret>', 'secret that holds the admin credential; needed for alternating-users')
    .option('--ssl <mode>', 'true, false, require or verify-full')
    .option('--strategy <strategy>', 'auto, single-user or alternating-users', 'auto')
    .option('--username-may-change', 'let applications see another username')
    .option('--every <duration>', 'interval', '30d')
    .option('--overlap <duration>', 'how long the old value stays valid (default 1h)')
    .option('--via <host:port>', 'pooler that must accept the new credential')
    .option('--end-sessions', 'end sessions of the retired credential')
    .option('--yes', 'do not ask before the rotation is scheduled', false)
    .addHelpText(
      'after',
      `
The admin credential is an ordinary secret with the same JSON (host, port, username, password). What it needs:
  PostgreSQL 15:   CREATE ROLE rekey_admin LOGIN CREATEROLE;
  PostgreSQL 16+:  CREATE ROLE rekey_admin LOGIN CREATEROLE;
                   GRANT <role> TO rekey_admin WITH ADMIN OPTION, INHERIT TRUE, SET TRUE;
Exactly what is missing is printed before anything is changed.`,
    )
    .action(setupPostgres);
}

async function setupPostgres(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const value = await readCredential(options);
  const stored = await storeSecret(connection, name, value);
  output.progress(`${name}: stored as version ${stored}`);
  const adoption = (await connection.native(
    'POST',
    secretPath(name, 'adopt'),
    adoptionBody(options),
  )) as unknown as Adoption;
  if (adoption.probe.outcome !== 'accepted')
    throw new RekeyError(
      'invalid-state',
      `${name}: ${value.host}:${value.port} did not accept the credential (${adoption.probe.outcome}): ${adoption.probe.reason}. It is stored; put the right one and run rekey setup again.`,
    );
  output.progress(`${name}: the server accepts it (${adoption.probe.reason})`);
  if (adoption.plan !== null) for (const line of describePlan(adoption.plan)) output.progress(line);
  if ((adoption.plan?.needs.length ?? 0) > 0)
    throw new RekeyError(
      'not-permitted',
      `${name}: the admin credential lacks privileges; run the statements above as a superuser, then rekey setup postgres ${name} again. The secret is stored, nothing rotates yet.`,
    );
  if (!(await agreed(options, output))) {
    output.result(
      { name, scheduled: false },
      () => `${name}: stored, not scheduled; \`rekey rotation set ${name} --rotator postgres\` does that`,
    );
    return;
  }
  const answer = await connection.native(
    'PUT',
    secretPath(name, 'rotation'),
    rotationBody({ ...options, rotator: 'postgres' }),
  );
  output.result(
    { name, scheduled: true, ...answer },
    () =>
      `${name}: rotates every ${options.every}; \`rekey rotate ${name} --wait\` does it now, \`rekey status ${name}\` shows it`,
  );
}

interface Adoption {
  readonly probe: { readonly outcome: string; readonly reason: string };
  readonly plan: Parameters<typeof describePlan>[0] | null;
}

function adoptionBody(options: Options): Record<string, unknown> {
  return rotationBody({ ...options, rotator: 'postgres' });
}

async function readCredential(
  options: Options,
): Promise<Record<string, string | number | boolean> & { host: string; port: number }> {
  const host = options.host ?? (await ask('Host of the PostgreSQL server', 'localhost'));
  const dbname = options.dbname ?? (await ask('Database', 'postgres'));
  const username = options.username ?? (await ask('Role the application logs in as'));
  const password =
    options.passwordFile === undefined
      ? await askPassword()
      : readFileSync(options.passwordFile, 'utf8').replace(/\r?\n$/, '');
  const port = Number(options.port);
  if (!Number.isInteger(port) || port < 1 || port > 65_535)
    throw wrongUse(`--port takes a number from 1 to 65535, not "${options.port}".`);
  return {
    engine: 'postgres',
    host,
    port,
    username,
    password,
    dbname,
    ...(options.ssl === undefined
      ? {}
      : { ssl: options.ssl === 'true' ? true : options.ssl === 'false' ? false : options.ssl }),
    ...(options.admin === undefined ? {} : { masterarn: options.admin }),
  };
}

async function ask(message: string, initialValue = ''): Promise<string> {
  if (!process.stdin.isTTY)
    throw wrongUse(`${message}: not given, and there is no terminal to ask on; see rekey setup postgres --help.`);
  const { isCancel, text } = await import('@clack/prompts');
  const answer = await text({ message, initialValue });
  if (isCancel(answer) || answer === '') throw wrongUse('cancelled; nothing was changed.');
  return answer;
}

async function askPassword(): Promise<string> {
  if (!process.stdin.isTTY)
    throw wrongUse('the password was not given (--password-file), and there is no terminal to ask on.');
  return readHidden('Its present password (not shown)');
}

async function agreed(options: Options, output: Output): Promise<boolean> {
  if (options.yes || output.json || !process.stdin.isTTY) return true;
  const { confirm } = await import('@clack/prompts');
  const answer = await confirm({ message: `Rotate it every ${options.every}?` });
  return answer === true;
}

/** Creates the secret, or puts a new version when it exists. */
async function storeSecret(connection: Connection, name: string, value: Record<string, unknown>): Promise<string> {
  const content = { SecretString: JSON.stringify(value) };
  const answer = await connection.operation('UpdateSecret', { SecretId: name, ...content }).catch((error: unknown) => {
    if ((error as { code?: string }).code !== 'ResourceNotFoundException') throw error;
    return connection.operation('CreateSecret', { Name: name, ...content });
  });
  return String(answer.VersionId);
}
