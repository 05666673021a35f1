import type { Command } from 'commander';
import type { DeclarationPlan } from '../service/declaration/declarations.ts';
import { connect } from './connection.ts';
import { type DeclarationOptions, readDeclaration, withDeclarationOptions } from './declaration-file.ts';
import { describeChanges } from './declaration-text.ts';
import { createOutput, type Output, wrongUse } from './output.ts';

interface Options extends DeclarationOptions {
  readonly yes: boolean;
}

/** `rekey apply`: shows the difference, asks, and makes everything as it is declared, in one commit or not at all. */
export function addApply(program: Command): void {
  withDeclarationOptions(program.command('apply'))
    .description('make users, groups, roles, policies, providers and rotation settings as rekey.yaml declares')
    .option('--yes', 'do not ask before it is applied (nobody is asked with --json or without a terminal)', false)
    .action(apply);
}

async function apply(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const declaration = readDeclaration(options);
  const connection = await connect(options);
  const shown = (await connection.native('POST', '/rekey/plan', declaration)) as unknown as DeclarationPlan;
  if (shown.changes.length === 0) {
    output.result({ applied: false, ...shown }, () => describeChanges(shown));
    return;
  }
  output.progress(describeChanges(shown));
  await agree(options, output);
  const applied = await connection.native('POST', '/rekey/apply', { ...declaration, plan: shown.plan });
  output.result({ applied: true, ...applied }, () => 'Applied.');
}

/** Without a terminal nobody can be asked: whoever runs it there has read the plan. */
async function agree(options: Options, output: Output): Promise<void> {
  if (options.yes || output.json || !process.stdin.isTTY) return;
  const { confirm } = await import('@clack/prompts');
  if ((await confirm({ message: 'Apply this?' })) !== true) throw wrongUse('cancelled; nothing was changed.');
}
