import type { Command } from 'commander';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { readNewSeal } from '../config/new-seal.ts';
import type { SealFlags } from '../config/seal-settings.ts';
import type { KeyStatus } from '../engine/keys/key-status.ts';
import { noteOfRunningServer } from '../host/server-note.ts';
import { cancelWrap, putWrap, wrapByOther } from '../opening/key-hand-over.ts';
import { type Connection, connect, type WhereOptions } from './connection.ts';
import { createOutput, type Output, printable, relativeTime, table, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';
import { withSealOptions } from './seal-options.ts';

/** `rekey keys status|rotate|rewrap|forget`. */
export function addKeys(program: Command): void {
  const keys = program.command('keys').description('the keys that the store is sealed with');
  withCommonOptions(keys.command('status')).description('seal, keys, and how far a change of them is').action(status);
  withCommonOptions(keys.command('rotate'))
    .description('make a new key (DEK), seal everything anew with it in the background, then drop the old one')
    .option('--wait', 'show progress and wait for the end', false)
    .addHelpText(
      'after',
      '\nServers go on meanwhile. Backups keep the keyring they were made with. It may be interrupted at any time and goes on by itself.',
    )
    .action(rotate);
  withSealOptions(keys.command('rewrap'))
    .description('let another seal (KEK) take over: the options name the new one')
    .option('--data <dir>', 'data folder of a server of the store', process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER)
    .option('--config <file>', 'rekey.yaml with the section `seal` as it is to be')
    .option('--cancel', 'take the new seal away again', false)
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      `
The keyring is wrapped by the new KEK as well, and opened with it for a trial; nothing else changes. From then on either seal
opens the store: set the new one in rekey.yaml of each server and restart them one by one. When every server has opened the
store with the new seal, the old wrap goes by itself. Backups made before need the old KEK: keep it as long as them.

Environment:
  REKEY_NEW_PASSPHRASE  the new passphrase, where it is in no file; the variables of the present seal are read as always
  REKEY_VAULT_TOKEN, REKEY_VAULT_TOKEN_FILE, AWS_REGION …   for the new seal, too`,
    )
    .action(rewrap);
  withCommonOptions(keys.command('forget <server>'))
    .description('wait no longer for a server that will not come back (its id as `keys status` shows it)')
    .action(forget);
}

async function status(options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  show(output, await ask(await connect(options), 'GET', '/rekey/keys'));
}

async function rotate(options: WhereOptions & { json: boolean; wait: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  let answer = await ask(connection, 'POST', '/rekey/keys/rotate');
  let told = '';
  while (options.wait && answer.rotation !== null) {
    if (answer.rotation !== told) output.progress(`  ${printable(answer.rotation)}`);
    told = answer.rotation;
    await new Promise((resolve) => setTimeout(resolve, 500));
    answer = await ask(connection, 'GET', '/rekey/keys');
  }
  show(output, answer);
}

async function forget(server: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  show(output, await ask(await connect(options), 'POST', '/rekey/keys/forget', { server }));
}

type RewrapOptions = SealFlags & { data: string; config?: string; cancel: boolean; json: boolean };

/** Through the server where one runs on the folder, which holds the lock; else right in the store. */
async function rewrap(options: RewrapOptions): Promise<void> {
  const output = createOutput(options.json);
  const note = noteOfRunningServer(options.data);
  if (options.cancel) {
    if (note === null) await cancelWrap(options.data);
    else await ask(await connect({ data: options.data }), 'POST', '/rekey/keys/rewrap/cancel');
    return output.result({ cancelled: true }, () => 'the new seal was taken away again; the old one opens the store');
  }
  if (options.seal === undefined && options.config === undefined)
    throw wrongUse('rewrap needs the new seal: --seal with what belongs to it, or --config with its section `seal`.');
  const next = await readNewSeal(options, { dataFolder: options.data, environment: process.env });
  const { describedSeal, ...wish } = await wrapByOther(options.data, next.settings, next.environment);
  if (note === null) await putWrap(options.data, wish);
  else await ask(await connect({ data: options.data }), 'POST', '/rekey/keys/rewrap', wish);
  output.result({ seal: wish.seal, opens: describedSeal }, () =>
    [
      `${describedSeal} opens the store, too (tried)`,
      'next: name it in rekey.yaml of every server (section `seal`) and restart them one by one',
      'then: the old wrap goes by itself when all have; see `rekey keys status`',
      'keep the old key as long as the backups made so far: they need it',
    ].join('\n'),
  );
}

async function ask(connection: Connection, method: string, path: string, body?: unknown): Promise<KeyStatus> {
  return (await connection.native(method, path, body)) as unknown as KeyStatus;
}

function show(output: Output, status: KeyStatus): void {
  output.result(status, () => describeKeyStatus(status, Date.now()));
}

/** For a person. */
export function describeKeyStatus(status: KeyStatus, now: number): string {
  const { activeKey, keys, rotation, rewrap: handOver, servers } = status;
  return [
    `sealed by ${printable(status.seal)}`,
    `key ${activeKey.id}, made ${relativeTime(activeKey.madeAt, now)}${keys === 1 ? '' : ` (${keys} in the keyring)`}`,
    ...(rotation === null ? [] : [`rotation of keys: ${printable(rotation)}`]),
    ...(handOver === null ? [] : [`hand-over: ${printable(handOver)}`]),
    ...(servers.length < 2
      ? []
      : [
          table([
            ['SERVER', 'SEAL', 'JOURNAL UNDER KEY', 'HAS THE NEW SEAL'],
            ...servers.map((server) => [
              server.id,
              server.seal,
              String(server.journalKey),
              server.openedByNewSeal === null ? '' : server.openedByNewSeal ? 'yes' : 'no',
            ]),
          ]),
        ]),
  ].join('\n');
}
