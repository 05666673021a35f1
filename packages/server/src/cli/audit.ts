import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { verifyAudit } from '../audit/verify.ts';
import { DEFAULT_DATA_FOLDER } from '../config/config.ts';
import { readAuditHead } from '../opening/data-folder.ts';
import { createOutput, wrongUse } from './output.ts';

interface Options {
  readonly data: string;
  readonly folder?: string;
  readonly publicKey?: string;
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
  output.result(report, () => report.sentence);
  if (!report.sound) throw new RekeyError('integrity', `the audit log in ${folder} is broken: ${report.sentence}`);
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
