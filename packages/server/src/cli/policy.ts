import type { Command } from 'commander';
import type { Simulated } from '../service/simulation.ts';
import { connect, type WhereOptions } from './connection.ts';
import { createOutput, printable, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';

const RESOURCE = `
The resource is the name or ARN of a secret, or the ARN of a user, role or policy; without one, the action concerns none.
`;

/** `rekey policy simulate PRINCIPAL ACTION [RESOURCE]`. */
export function addPolicy(program: Command): void {
  const policy = program.command('policy').description('what policies permit');
  withCommonOptions(policy.command('simulate <principal> <action> [resource]'))
    .description('would this user or role (by ARN) be permitted this action, and which statement decides')
    .addHelpText('after', RESOURCE)
    .option('--key <name=value>', 'condition key of the request; may be repeated', collect, [])
    .action(simulate);
}

async function simulate(
  principal: string,
  action: string,
  resource: string | undefined,
  options: WhereOptions & { json: boolean; key: readonly string[] },
): Promise<void> {
  const output = createOutput(options.json);
  const body = {
    principal,
    action,
    ...(resource === undefined ? {} : { secret: resource }),
    keys: readKeys(options.key),
  };
  const answer = await (await connect(options)).native('POST', '/rekey/policy/simulate', body);
  output.result(answer, () => describeSimulated(answer as unknown as Simulated, body));
}

/** The decision and its reason in two lines. */
export function describeSimulated(
  { allowed, sentence, resource }: Simulated,
  { principal, action }: { readonly principal: string; readonly action: string },
): string {
  const verdict = allowed ? 'may' : 'may not';
  return [
    `${printable(principal)} ${verdict} perform ${printable(action)} on ${printable(resource)}`,
    `  ${printable(sentence)}`,
  ].join('\n');
}

/** Keys that are given several times have several values. */
export function readKeys(given: readonly string[]): Record<string, string | string[]> {
  const keys = new Map<string, string[]>();
  for (const text of given) {
    const [, name, value] = /^([^=]+)=(.*)$/s.exec(text) ?? [];
    if (name === undefined || value === undefined) throw wrongUse(`--key takes name=value, not "${text}".`);
    keys.set(name, [...(keys.get(name) ?? []), value]);
  }
  return Object.fromEntries([...keys].map(([name, values]) => [name, values.length === 1 ? values[0]! : values]));
}

function collect(value: string, before: readonly string[]): readonly string[] {
  return [...before, value];
}
