import { writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { type ShownTest, shownBy, testsIn } from './coverage/shown-by.ts';
import { type CoveredService, SERVICES } from './coverage/tables.ts';

const ROOT = fileURLToPath(new URL('..', import.meta.url));
/** Writes the page that says, member by member, what of AWS's APIs is served. `node --conditions=source scripts/gen-coverage.ts` */
export const PAGE = fileURLToPath(new URL('../docs/aws-coverage.md', import.meta.url));

const INTRODUCTION = `# What of AWS's APIs is served

Written by \`scripts/gen-coverage.ts\` from the tables by which the server itself reads requests; tests hold these against
AWS's service models, member for member, and hold this page against the tables and the tests: beside each operation and each
member stands a test that asks for it, where there is one a test of what it does rather than of what is refused. How the
server behaves is told in [The AWS Secrets Manager API](aws-secrets-manager.md).

Every member is checked by the constraints of the model, and refused with AWS's error when it breaks one
(\`bad-input.test.ts\`, \`model.test.ts\` of each service). Members that the model does not have are ignored, as AWS does.
There are no KMS permissions: values are sealed by this server's own keys, so no policy needs \`kms:Decrypt\`.
`;

/** Text of the page. */
export function coverageText(services: readonly CoveredService[] = SERVICES): string {
  return [INTRODUCTION, ...services.map(serviceText)].join('\n');
}

/** Path of the test that shows an operation, from the root of the repository. */
export function testOf(service: CoveredService, operation: string): string {
  const file = service.tests.find(([pattern]) => pattern.test(operation))?.[1];
  if (file === undefined) throw new Error(`no test is named for ${operation}`);
  return `${service.folder}/${file}`;
}

function serviceText(service: CoveredService): string {
  const { title, operations, absent } = service;
  const left = Object.values(absent).flat().length;
  const rows = [...operations]
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .flatMap(({ name, input }) => [
      operationRow(service, name),
      ...allMembers(service, name, input.members).map((member) => memberRow(service, name, member)),
    ]);
  return [
    `## ${title}`,
    '',
    `${operations.length} operations of ${operations.length + left}.`,
    '',
    '| operation | member | served | what to know | shown by |',
    '|---|---|---|---|---|',
    ...rows,
    '',
    ...absentText(absent),
  ].join('\n');
}

/** Tests of whole systems that show operations which the face's own tests leave to them. */
const END_TO_END = ['aws-sdk', 'aws-iam', 'aws-sts', 'terraform-calls'].map((name) => `e2e/${name}.test.ts`);
const tests = new Map<string, readonly ShownTest[]>();

/**
 * The test that shows an operation, or a member of it.
 *
 * @throws Error where there is none: write one
 */
export function showing(service: CoveredService, operation: string, member: string | null): ShownTest {
  const known = tests.get(service.folder) ?? testsIn(ROOT, [service.folder, ...END_TO_END]);
  tests.set(service.folder, known);
  const isRefused = `${operation}.${member}` in service.refused;
  const found = shownBy(known, operation, member, testOf(service, operation), isRefused);
  if (found === null) throw new Error(`no test asks for ${operation}${member === null ? '' : ` with ${member}`}`);
  return found;
}

function linkTo({ file, title }: ShownTest): string {
  const shown = title.replace(/\$\{[^}]*\}/g, '…').replace(/[|[\]]/g, '\\$&');
  return `[${shown || file.slice(file.lastIndexOf('/') + 1)}](../${file})`;
}

function operationRow(service: CoveredService, name: string): string {
  return `| **${name}** | | yes | ${service.notes[name] ?? ''} | ${linkTo(showing(service, name, null))} |`;
}

/** Members of the face's table, and those that it leaves out. */
export function allMembers(service: CoveredService, operation: string, members: object): readonly string[] {
  const ignored = Object.keys(service.ignored).filter((key) => key.startsWith(`${operation}.`));
  return [...Object.keys(members), ...ignored.map((key) => key.slice(operation.length + 1))].sort();
}

function memberRow(service: CoveredService, operation: string, member: string): string {
  const { refused, ignored, notes } = service;
  const key = `${operation}.${member}`;
  const served = key in refused ? 'refused' : key in ignored ? 'ignored' : 'yes';
  const shown = key in ignored ? '' : linkTo(showing(service, operation, member));
  return `| | ${member} | ${served} | ${refused[key] ?? ignored[key] ?? notes[key] ?? ''} | ${shown} |`;
}

function absentText(absent: CoveredService['absent']): readonly string[] {
  const reasons = Object.entries(absent);
  if (reasons.length === 0) return [];
  return ['Not served:', '', ...reasons.map(([reason, names]) => `* ${reason} ${[...names].sort().join(', ')}.`), ''];
}

if (import.meta.main) writeFileSync(PAGE, coverageText());
