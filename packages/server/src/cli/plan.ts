import type { Command } from 'commander';
import type { DeclarationPlan } from '../service/declaration/declarations.ts';
import { connect } from './connection.ts';
import { type DeclarationOptions, readDeclaration, withDeclarationOptions } from './declaration-file.ts';
import { describeChanges } from './declaration-text.ts';
import { createOutput } from './output.ts';

/** `rekey plan`: what `rekey apply` would change. */
export function addPlan(program: Command): void {
  withDeclarationOptions(program.command('plan'))
    .description('show what has to change so that everything is as rekey.yaml declares; changes nothing')
    .action(plan);
}

async function plan(options: DeclarationOptions): Promise<void> {
  const output = createOutput(options.json);
  const declaration = readDeclaration(options);
  const answer = await (await connect(options)).native('POST', '/rekey/plan', declaration);
  output.result(answer, () => describeChanges(answer as unknown as DeclarationPlan));
}
