import { credentialsFromEnvironment, SecretsClient } from '@rekey/client';
import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { type Connection, connect, type WhereOptions } from './connection.ts';
import { createOutput, wrongUse } from './output.ts';
import { withCommonOptions } from './program.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly prefix?: string;
  readonly fromRegion?: string;
  readonly fromEndpoint?: string;
  readonly dryRun: boolean;
}

/** `rekey import aws`: copies secrets with all labelled versions out of a real AWS Secrets Manager; reads only, there. */
export function addImport(program: Command): void {
  const command = program.command('import').description('bring secrets from elsewhere');
  withCommonOptions(command.command('aws'))
    .description('copy values, labels, tags and descriptions from AWS Secrets Manager')
    .option('--prefix <text>', 'only names that begin so')
    .option('--from-region <region>', 'region to read (default AWS_REGION)')
    .option('--from-endpoint <url>', 'read from this address instead of AWS')
    .option('--dry-run', 'only list what would be imported', false)
    .addHelpText(
      'after',
      `
AWS is read with AWS_ACCESS_KEY_ID … or a profile (secretsmanager:ListSecrets, GetSecretValue). When rekey is
addressed by --endpoint too, rekey's own credentials are read from REKEY_ACCESS_KEY_ID and REKEY_SECRET_ACCESS_KEY.
Run again, it imports only what is new; a secret that differs here is left alone and listed.`,
    )
    .action(importAws);
}

async function importAws(options: Options): Promise<void> {
  const output = createOutput(options.json);
  const region = options.fromRegion ?? process.env.AWS_REGION ?? process.env.AWS_DEFAULT_REGION;
  if (region === undefined) throw wrongUse('import aws needs --from-region (or AWS_REGION).');
  const source = new SecretsClient({
    region,
    endpoint: options.fromEndpoint ?? `https://secretsmanager.${region}.amazonaws.com`,
    credentials: credentialsFromEnvironment(process.env),
  });
  const here = await connect(options, ownEnvironment());
  const results: ImportResult[] = [];
  for await (const entry of listSource(source, options.prefix)) {
    const result = options.dryRun
      ? { name: entry.Name, outcome: 'would import' }
      : await importOne(source, here, entry);
    output.progress(`${result.name}: ${result.outcome}`);
    results.push(result);
  }
  output.result(
    results,
    () =>
      `${results.length} secrets looked at, ${results.filter((result) => result.outcome.startsWith('imported')).length} imported`,
  );
  const failed = results.filter((result) => result.outcome.startsWith('failed'));
  if (failed.length > 0)
    throw new RekeyError(
      'invalid-state',
      `${failed.length} secrets were not imported; they are listed above, run it again when mended.`,
    );
}

interface ImportResult {
  readonly name: string;
  readonly outcome: string;
}

interface SourceSecret {
  readonly Name: string;
  readonly ARN: string;
  readonly Description?: string;
  readonly Tags?: readonly { Key: string; Value: string }[];
  readonly SecretVersionsToStages?: Readonly<Record<string, readonly string[]>>;
}

async function* listSource(source: SecretsClient, prefix: string | undefined): AsyncIterable<SourceSecret> {
  let token: unknown;
  do {
    const page = await source.call('ListSecrets', {
      MaxResults: 100,
      ...(prefix === undefined ? {} : { Filters: [{ Key: 'name', Values: [prefix] }] }),
      ...(token === undefined ? {} : { NextToken: token }),
    });
    yield* page.SecretList as readonly SourceSecret[];
    token = page.NextToken;
  } while (token !== undefined);
}

/**
 * Version ids are kept, so that whoever names a version by id finds it again. *current* goes first; every further call
 * is idempotent, so that an import that was cut short is finished by running it again.
 */
async function importOne(source: SecretsClient, here: Connection, secret: SourceSecret): Promise<ImportResult> {
  try {
    const [current, ...others] = await readVersions(source, secret);
    if (current === undefined) return { name: secret.Name, outcome: 'skipped: it has no current value' };
    const known = await versionsHere(here, secret.Name);
    if (known === null) await createHere(here, secret, current);
    else if (known[current.id]?.includes('AWSCURRENT') !== true)
      return { name: secret.Name, outcome: 'left alone: it is here already, with another current value' };
    else if (others.every(({ id }) => known[id] !== undefined))
      return { name: secret.Name, outcome: 'is here already' };
    for (const label of current.labels.filter((label) => label !== 'AWSCURRENT'))
      await here.operation('UpdateSecretVersionStage', {
        SecretId: secret.Name,
        VersionStage: label,
        MoveToVersionId: current.id,
      });
    for (const version of others)
      await here.operation('PutSecretValue', {
        SecretId: secret.Name,
        ClientRequestToken: version.id,
        ...version.content,
        VersionStages: version.labels,
      });
    return {
      name: secret.Name,
      outcome: `imported with ${others.length + 1} version${others.length === 0 ? '' : 's'}`,
    };
  } catch (error) {
    return { name: secret.Name, outcome: `failed: ${error instanceof Error ? error.message : 'unknown error'}` };
  }
}

async function createHere(here: Connection, secret: SourceSecret, current: SourceVersion): Promise<void> {
  await here.operation('CreateSecret', {
    Name: secret.Name,
    ClientRequestToken: current.id,
    ...current.content,
    ...(secret.Description === undefined ? {} : { Description: secret.Description }),
    ...(secret.Tags === undefined ? {} : { Tags: secret.Tags }),
  });
}

/** Labels by version id of the secret of this name here; null where there is none. */
async function versionsHere(here: Connection, name: string): Promise<Readonly<Record<string, string[]>> | null> {
  try {
    const { VersionIdsToStages: versions = {} } = await here.operation('DescribeSecret', { SecretId: name });
    return versions as Readonly<Record<string, string[]>>;
  } catch (error) {
    if ((error as { code?: string }).code === 'ResourceNotFoundException') return null;
    throw error;
  }
}

interface SourceVersion {
  readonly id: string;
  readonly labels: readonly string[];
  readonly content: Readonly<Record<string, unknown>>;
}

/** Labelled versions, *current* first; an unfinished rotation's pending version stays behind. */
async function readVersions(source: SecretsClient, secret: SourceSecret): Promise<SourceVersion[]> {
  const entries = Object.entries(secret.SecretVersionsToStages ?? {}).filter(
    ([, labels]) => !labels.includes('AWSPENDING') || labels.includes('AWSCURRENT'),
  );
  entries.sort(([, left], [, right]) => Number(right.includes('AWSCURRENT')) - Number(left.includes('AWSCURRENT')));
  const versions: SourceVersion[] = [];
  for (const [id, labels] of entries) {
    const value = await source.call('GetSecretValue', { SecretId: secret.ARN, VersionId: id });
    const content =
      value.SecretString === undefined ? { SecretBinary: value.SecretBinary } : { SecretString: value.SecretString };
    versions.push({ id, labels: labels.filter((label) => label !== 'AWSPENDING'), content });
  }
  return versions;
}

/** Source and destination both read AWS_… by habit; rekey's own credentials may be given under its own names. */
function ownEnvironment(): Record<string, string | undefined> {
  const { REKEY_ACCESS_KEY_ID, REKEY_SECRET_ACCESS_KEY } = process.env;
  if (REKEY_ACCESS_KEY_ID === undefined) return process.env;
  return {
    ...process.env,
    AWS_ACCESS_KEY_ID: REKEY_ACCESS_KEY_ID,
    AWS_SECRET_ACCESS_KEY: REKEY_SECRET_ACCESS_KEY,
    AWS_SESSION_TOKEN: undefined,
  };
}
