import type { Command } from 'commander';
import { addCorrection } from './correction.ts';

const HELP = `
For a target that refuses what is current: changed by hand, or put back from a backup that holds an older password. The
current value is set there again, through the admin credential if the secret names one, and proven by a fresh login. No
label moves, so that applications need not read anew.`;

/** `rekey repair NAME [--wait]`: sets the current value at its target again. */
export function addRepair(program: Command): void {
  addCorrection(program, {
    verb: 'repair',
    description: 'set the current value at its target again, where that refuses it',
    help: HELP,
    summary: (name) => `${name}: the target accepts the current value again`,
  });
}
