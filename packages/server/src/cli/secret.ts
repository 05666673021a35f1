import { isUtf8 } from 'node:buffer';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { connect, type WhereOptions } from './connection.ts';
import { readHidden, readNamedFile, readStandardInput, wholeNumber } from './input.ts';
import { createOutput, printable, relativeTime, table, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
}

/** `rekey secret put|get|list|describe|delete`. Values travel by standard input, a file or a hidden prompt: never as an argument. */
export function addSecret(program: Command): void {
  const secret = program.command('secret').description('put, get, list, describe and delete secrets');
  withCommonOptions(secret.command('put <name>'))
    .description('store a value as the new current version (from standard input, --file, or asked for on a terminal)')
    .option('--file <file>', 'read the value from a file')
    .option('--binary', 'keep the bytes as they are instead of taking them for text', false)
    .option('--description <text>', 'description, for a new secret or an existing one')
    .option('--keep-newline', 'keep the newline at the end of the input', false)
    .action(put);
  withCommonOptions(secret.command('get <name>'))
    .description('print a value')
    .option('--label <label>', 'current, pending, previous or a label of your own')
    .option('--version-id <id>', 'one version by its id')
    .action(get);
  withCommonOptions(secret.command('list'))
    .description('list secrets')
    .option('--prefix <text>', 'only names that begin so')
    .option('--deleted', 'also those marked for deletion', false)
    .action(list);
  withCommonOptions(secret.command('describe <name>')).description('everything but the value').action(describe);
  withCommonOptions(secret.command('delete <name>'))
    .description('mark a secret for deletion; it can be restored until the window ends')
    .option('--recovery-days <days>', 'days until it is gone for good (7 to 30)', '30')
    .option('--at-once', 'delete without a recovery window; nothing brings it back', false)
    .action(remove);
  withCommonOptions(secret.command('restore <name>')).description('take back a deletion').action(restore);
}

interface PutOptions extends Options {
  readonly file?: string;
  readonly binary: boolean;
  readonly description?: string;
  readonly keepNewline: boolean;
}

async function put(name: string, options: PutOptions): Promise<void> {
  const output = createOutput(options.json);
  const value = await readValue(options);
  const connection = await connect(options);
  const content = options.binary
    ? { SecretBinary: value.toString('base64') }
    : { SecretString: value.toString('utf8') };
  const description = options.description === undefined ? {} : { Description: options.description };
  const answer = await connection
    .operation('UpdateSecret', { SecretId: name, ...content, ...description })
    .catch((error: unknown) => {
      if (!isNotFound(error)) throw error;
      return connection.operation('CreateSecret', { Name: name, ...content, ...description });
    });
  output.result(answer, () => `${name}: stored as version ${String(answer.VersionId)}`);
}

async function readValue(options: PutOptions): Promise<Buffer> {
  const raw =
    options.file !== undefined
      ? readNamedFile(options.file, 'file')
      : process.stdin.isTTY
        ? Buffer.from(await readHidden('Value (not shown): '))
        : await readStandardInput();
  const value = options.binary || options.keepNewline ? raw : withoutNewline(raw);
  if (value.length === 0) throw wrongUse('the value is empty; give it on standard input or with --file.');
  // Decoding would put U+FFFD in place of what is no text: the value would be lost, and nobody told.
  if (!options.binary && !isUtf8(value))
    throw wrongUse(
      'the value is no UTF-8 text and would be damaged; nothing was stored: --binary keeps its bytes as they are.',
    );
  return value;
}

/** `echo` and editors end a text with a newline that is no part of a password. */
function withoutNewline(bytes: Buffer): Buffer {
  if (bytes.at(-1) !== 0x0a) return bytes;
  return bytes.at(-2) === 0x0d ? bytes.subarray(0, -2) : bytes.subarray(0, -1);
}

async function get(name: string, options: Options & { label?: string; versionId?: string }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = await connection.operation('GetSecretValue', {
    SecretId: name,
    ...(options.label === undefined ? {} : { VersionStage: wireLabel(options.label) }),
    ...(options.versionId === undefined ? {} : { VersionId: options.versionId }),
  });
  if (!options.json && typeof answer.SecretBinary === 'string') {
    process.stdout.write(Buffer.from(answer.SecretBinary, 'base64'));
    return;
  }
  output.result(answer, () => String(answer.SecretString));
}

const WIRE_LABELS: Readonly<Record<string, string>> = {
  current: 'AWSCURRENT',
  pending: 'AWSPENDING',
  previous: 'AWSPREVIOUS',
};
function wireLabel(label: string): string {
  return WIRE_LABELS[label] ?? label;
}

async function list(options: Options & { prefix?: string; deleted: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const secrets: Record<string, unknown>[] = [];
  let token: unknown;
  do {
    const page = await connection.operation('ListSecrets', {
      MaxResults: 100,
      IncludePlannedDeletion: options.deleted,
      ...(options.prefix === undefined ? {} : { Filters: [{ Key: 'name', Values: [options.prefix] }] }),
      ...(token === undefined ? {} : { NextToken: token }),
    });
    secrets.push(...(page.SecretList as Record<string, unknown>[]));
    token = page.NextToken;
  } while (token !== undefined);
  const now = Date.now();
  output.result(secrets, () =>
    secrets.length === 0
      ? 'no secrets'
      : table([
          ['NAME', 'CHANGED', 'ROTATED', ...(options.deleted ? ['DELETION'] : []), 'DESCRIPTION'],
          ...secrets.map((secret) => [
            String(secret.Name),
            relativeTime(milliseconds(secret.LastChangedDate), now),
            secret.RotationEnabled === true ? relativeTime(milliseconds(secret.LastRotatedDate), now) : 'off',
            ...(options.deleted ? [deletionOf(secret, now)] : []),
            String(secret.Description ?? ''),
          ]),
        ]),
  );
}

/** Only with `--deleted` are there any that were marked. */
function deletionOf({ DeletedDate }: Record<string, unknown>, now: number): string {
  return DeletedDate === undefined ? '' : `marked ${relativeTime(milliseconds(DeletedDate), now)}`;
}

async function describe(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = await connection.operation('DescribeSecret', { SecretId: name });
  output.result(answer, () => Object.entries(answer).flatMap(describeField).join('\n'));
}

const WIDTH_OF_FIELDS = 22;

/** One line per field; versions and tags, of which there are several, one line each. */
function describeField([name, value]: [string, unknown]): string[] {
  const line = (text: string, at: number) => printable(`${(at === 0 ? name : '').padEnd(WIDTH_OF_FIELDS)} ${text}`);
  if (name === 'VersionIdsToStages')
    return Object.entries(value as Record<string, string[]>)
      .map(([id, labels]) => `${id} ${labels.join(', ')}`)
      .map(line);
  if (name === 'Tags') return (value as Tag[]).map((tag) => `${tag.Key}=${tag.Value}`).map(line);
  if (name.endsWith('Date')) return [line(new Date(milliseconds(value) ?? 0).toISOString(), 0)];
  return [line(typeof value === 'string' ? value : JSON.stringify(value), 0)];
}

interface Tag {
  readonly Key: string;
  readonly Value: string;
}

async function remove(name: string, options: Options & { recoveryDays: string; atOnce: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const days = wholeNumber('--recovery-days', options.recoveryDays, 7, 30);
  const connection = await connect(options);
  const answer = await connection.operation('DeleteSecret', {
    SecretId: name,
    ...(options.atOnce ? { ForceDeleteWithoutRecovery: true } : { RecoveryWindowInDays: days }),
  });
  output.result(answer, () =>
    options.atOnce
      ? `${name}: deleted`
      : `${name}: will be deleted on ${new Date(milliseconds(answer.DeletionDate) ?? 0).toISOString()}; until then \`rekey secret restore ${name}\` brings it back`,
  );
}

async function restore(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const answer = await (await connect(options)).operation('RestoreSecret', { SecretId: name });
  output.result(answer, () => `${name}: restored`);
}

/** AWS's timestamps are seconds with a fraction. */
function milliseconds(seconds: unknown): number | null {
  return typeof seconds === 'number' ? Math.round(seconds * 1000) : null;
}

function isNotFound(error: unknown): boolean {
  return (
    (error as { code?: string }).code === 'ResourceNotFoundException' ||
    (error instanceof RekeyError && error.code === 'not-found')
  );
}
