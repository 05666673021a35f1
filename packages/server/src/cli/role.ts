import type { Command } from 'commander';
import { connect, type WhereOptions } from './connection.ts';
import { createOutput, printable } from './output.ts';
import { withCommonOptions } from './program.ts';

/** `rekey role revoke-sessions NAME`. */
export function addRole(program: Command): void {
  const role = program.command('role').description('identities that are assumed for a time');
  withCommonOptions(role.command('revoke-sessions <name>'))
    .description('make all temporary credentials of a role given out until now worthless')
    .action(revokeSessions);
}

async function revokeSessions(name: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const path = `/rekey/roles/${encodeURIComponent(name)}/revoke-sessions`;
  const answer = await (await connect(options)).native('POST', path);
  output.result(answer, () =>
    [
      `sessions of the role ${printable(name)} opened until now may do nothing any more`,
      '  their holders get new ones by assuming the role again, if its trust policy still lets them',
    ].join('\n'),
  );
}
