import type { Command } from 'commander';
import { addCorrection } from './correction.ts';

const HELP = `
The target is made to accept the value before the current one, a fresh login proves it, then the label current moves to
it. The value that was current stays valid for the overlap and is retired like any old one. During an overlap the old
value is not retired. Nothing is made anew: where the target forbids values it held before, the rollback is given up and
the current value stays.`;

/** `rekey rollback NAME [--wait]`: back to the value before, at the target and in the labels. */
export function addRollback(program: Command): void {
  addCorrection(program, {
    verb: 'rollback',
    description: 'go back to the value before the current one, at the target and here',
    help: HELP,
    summary: (name, { versionId }) => `${name}: version ${versionId} passed its test and is current again`,
  });
}
