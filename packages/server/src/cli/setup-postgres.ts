import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { type AdoptAnswer, adminRefusal, describePlan } from './adopt.ts';
import { type Connection, connect, secretPath, type WhereOptions } from './connection.ts';
import { readHidden, readNamedFile, wholeNumber } from './input.ts';
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
    .option(
      '--yes',
      'do not ask before the rotation is scheduled (nobody is asked with --json or without a terminal)',
      false,
    )
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
  const look = (body: Record<string, unknown>) =>
    connection.ask('POST', secretPath(name, 'adopt'), body) as Promise<unknown> as Promise<AdoptAnswer>;
  const { probe } = await look({ ...adoptionBody(options), versionId: stored.versionId });
  if (probe.outcome !== 'accepted') {
    const kept = await takeBack(connection, name, stored);
    throw notAccepted(name, `${value.host}:${value.port}`, probe, kept);
  }
  output.progress(`${name}: the server accepts it (${probe.reason})`);
  await makeCurrent(connection, name, stored);
  output.progress(`${name}: stored as version ${stored.versionId}`);
  const adoption = await look(adoptionBody(options));
  const refusal = adminRefusal(name, adoption.admin);
  if (refusal !== null) throw refusal;
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
      : readNamedFile(options.passwordFile, 'password file')
          .toString()
          .replace(/\r?\n$/, '');
  const port = wholeNumber('--port', options.port, 1, 65_535);
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

interface Stored {
  readonly versionId: string;
  /** What was current before; null for a new secret. */
  readonly before: string | null;
}

/** Label of a value that is being proven; no reader asks for it. */
const ON_TRIAL = 'rekey-setup';

/** Stores the value beside the current one; in a secret that has none the first value is current at once (AWS). */
async function storeSecret(connection: Connection, name: string, value: Record<string, unknown>): Promise<Stored> {
  const content = { SecretString: JSON.stringify(value) };
  const before = await currentVersion(connection, name);
  const answer =
    before === null
      ? await connection.operation('CreateSecret', { Name: name, ...content })
      : await connection.operation('PutSecretValue', { SecretId: name, ...content, VersionStages: [ON_TRIAL] });
  return { versionId: String(answer.VersionId), before };
}

/** After it was proven. */
async function makeCurrent(connection: Connection, name: string, { versionId, before }: Stored): Promise<void> {
  if (before === null) return;
  const move = { SecretId: name, VersionStage: 'AWSCURRENT', MoveToVersionId: versionId };
  if (before !== '') await connection.operation('UpdateSecretVersionStage', { ...move, RemoveFromVersionId: before });
  await endTrial(connection, name, versionId);
}

function endTrial(connection: Connection, name: string, versionId: string): Promise<unknown> {
  return connection.operation('UpdateSecretVersionStage', {
    SecretId: name,
    VersionStage: ON_TRIAL,
    RemoveFromVersionId: versionId,
  });
}

/** Null where there is no such secret; what exists without a value has the empty text. */
async function currentVersion(connection: Connection, name: string): Promise<string | null> {
  try {
    const { VersionIdsToStages: labels = {} } = await connection.operation('DescribeSecret', { SecretId: name });
    const versions = Object.entries(labels as Record<string, readonly string[]>);
    return versions.find(([, stages]) => stages.includes('AWSCURRENT'))?.[0] ?? '';
  } catch (error) {
    if ((error as { code?: string }).code === 'ResourceNotFoundException') return null;
    throw error;
  }
}

/** What was not seen to log in is no value that anybody should read. */
async function takeBack(connection: Connection, name: string, { versionId, before }: Stored): Promise<string> {
  if (before === null) {
    const gone = connection.operation('DeleteSecret', { SecretId: name, ForceDeleteWithoutRecovery: true });
    return gone.then(
      () => 'Nothing was stored',
      () => 'It is stored, and nothing rotates',
    );
  }
  await endTrial(connection, name, versionId);
  return before === '' ? 'It is stored, and nothing rotates' : 'What is current was not touched';
}

function notAccepted(name: string, target: string, probe: AdoptAnswer['probe'], kept: string): RekeyError {
  const [what, todo] =
    probe.outcome === 'refused'
      ? ['refused the credential', 'find the right one']
      : ['could not be asked about the credential', 'see that it answers'];
  const reason = probe.reason.replace(/\.$/, '');
  return new RekeyError(
    'invalid-state',
    `${name}: ${target} ${what} (${reason}). ${kept}; ${todo}, then run rekey setup postgres ${name} again.`,
  );
}
