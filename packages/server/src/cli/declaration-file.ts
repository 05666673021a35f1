import { type Command, Option } from 'commander';
import { DECLARED_SECTIONS, parseConfigFile } from '../config/config-file.ts';
import type { WhereOptions } from './connection.ts';
import { readNamedFile } from './input.ts';
import { wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';

export interface DeclarationOptions extends WhereOptions {
  readonly json: boolean;
  readonly file: string;
  readonly prune: boolean;
}

/** Adds what `plan` and `apply` have in common. */
export function withDeclarationOptions(command: Command): Command {
  return withCommonOptions(command)
    .addOption(new Option('--file <file>', 'what is declared').default('rekey.yaml'))
    .option('--prune', 'delete users, groups, roles, policies and providers that their section does not name', false);
}

/**
 * The declared sections of a `rekey.yaml`, as the body of a request. What else the file says is the server's own.
 *
 * @throws RekeyError for a file that cannot be read, is not understood or declares nothing
 */
export function readDeclaration({ file, prune }: DeclarationOptions): Readonly<Record<string, unknown>> {
  const read = parseConfigFile(readNamedFile(file, 'declaration').toString('utf8'), file);
  const sections = DECLARED_SECTIONS.filter((section) => read[section] !== undefined && read[section] !== null);
  if (sections.length === 0)
    throw wrongUse(`${file} declares nothing: it has none of the sections ${DECLARED_SECTIONS.join(', ')}.`);
  const declaration = Object.fromEntries(sections.map((section) => [section, read[section]]));
  if (isEndless(declaration)) throw wrongUse(`${file} has an alias within what it stands for, which has no end.`);
  return { ...declaration, prune };
}

/** YAML's aliases can make what no JSON can say. */
function isEndless(value: object): boolean {
  try {
    JSON.stringify(value);
    return false;
  } catch {
    return true;
  }
}
