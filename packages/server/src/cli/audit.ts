import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import type { Checkpoint } from '../audit/checkpoint.ts';
import { PUBLIC_KEY } from '../audit/folder.ts';
import type { AuditReport } from '../audit/report.ts';
import { verifyAudit } from '../audit/verify.ts';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { readAuditChains, readAuditHead } from '../opening/data-folder.ts';
import { findServerId } from '../opening/server-id.ts';
import { createOutput, type Output, wrongUse } from './output.ts';

interface Options {
  readonly data: string;
  readonly folder?: string;
  readonly publicKey?: string;
  readonly also?: readonly string[];
  readonly json: boolean;
}

/** `rekey audit verify`: says how far the chain is proven, or where it is broken. */
export function addAudit(program: Command): void {
  const audit = program.command('audit').description('the audit log');
  audit
    .command('verify')
    .description('check the hash chain and its signed checkpoints')
    .option('--data <dir>', 'data folder', process.env.REKEY_DATA ?? DEFAULT_DATA_FOLDER)
    .option('--folder <dir>', 'an audit folder by itself, as an auditor gets it (with --public-key)')
    .option('--public-key <file>', 'public key of the checkpoints (default: public-key.pem in the folder)')
    .option('--also <dirs...>', 'data folders (or copies with audit/ and server-id) of all other servers on the store')
    .option('--json', 'print one JSON document instead of text', false)
    .addHelpText(
      'after',
      '\nWith --data the head kept in the store is checked too, so that a tail cut off with its checkpoints is seen.',
    )
    .action(verify);
}

async function verify(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const folder = options.folder ?? join(options.data, 'audit');
  const storedCheckpoint = options.folder === undefined ? await readAuditHead(options.data) : null;
  const report = await verifyAudit({ folder, ...readPublicKey(options.publicKey), storedCheckpoint });
  if (options.also !== undefined) return verifyAll(options, report, output);
  output.result(report, () => report.sentence);
  if (!report.sound) throw new RekeyError('integrity', `the audit log in ${folder} is broken: ${report.sentence}`);
}

/** The chains of all servers that the store knows: none may be missing, none cut. */
async function verifyAll(options: Options, own: AuditReport, output: Output): Promise<void> {
  if (options.folder !== undefined) throw wrongUse('--also goes with --data: the store says which servers there are.');
  const known = await readAuditChains(options.data);
  if (known.own === null)
    throw wrongUse(`${options.data} does not share a store with other servers; leave --also out.`);
  const given = new Map((options.also ?? []).map((folder) => [findServerId(folder), folder] as const));
  const publicKey =
    readPublicKey(options.publicKey).publicKey ?? readFileSync(join(options.data, 'audit', PUBLIC_KEY), 'utf8');
  const chains = [{ serverId: known.own, folder: options.data, ...verdictOf(own) }];
  for (const { serverId, checkpoint, removed } of known.chains) {
    if (serverId === known.own) continue;
    const folder = given.get(serverId) ?? null;
    if (folder === null) chains.push({ serverId, folder: '', sound: false, sentence: missingChain(checkpoint) });
    else {
      const report = await verifyAudit({ folder: join(folder, 'audit'), publicKey, storedCheckpoint: checkpoint });
      const verdict = verdictOf(report);
      chains.push({
        serverId,
        folder,
        ...(removed ? { sound: false, sentence: `${REMOVED} ${verdict.sentence}` } : verdict),
      });
    }
  }
  output.result({ chains }, () => chains.map(({ serverId, sentence }) => `${serverId}: ${sentence}`).join('\n'));
  const broken = chains.filter(({ sound }) => !sound).map(({ serverId }) => serverId);
  if (broken.length > 0)
    throw new RekeyError(
      'integrity',
      `the audit log is broken or missing on ${broken.length} of ${chains.length} servers: ${broken.join(', ')}.`,
    );
}

const REMOVED = 'its head was taken out of the store (other servers tell of it);';

function verdictOf({ sound, sentence }: AuditReport) {
  return { sound, sentence };
}

function missingChain({ sequence, time }: Checkpoint): string {
  return `missing: its chain of ${sequence} entries, signed at ${new Date(time).toISOString()}, is in none of the folders given.`;
}

/** Without one the folder's own is taken, which proves less: who could write the folder could write that too. */
function readPublicKey(file: string | undefined): { readonly publicKey?: string } {
  if (file === undefined) return {};
  try {
    return { publicKey: readFileSync(file, 'utf8') };
  } catch (error) {
    throw wrongUse(`--public-key names ${file}, which cannot be read (${(error as NodeJS.ErrnoException).code}).`);
  }
}
