import { join, resolve } from 'node:path';
import { type Environment, SEAL_KINDS, type SealSettings } from '../seal/open-seal.ts';
import type { FileConfig } from './config-file.ts';
import { wrongUse } from './wrong-use.ts';

/** What the command line may say of the seal. Never a passphrase or token: command lines are read by others. */
export interface SealFlags {
  readonly seal?: string;
  readonly keyFile?: string;
  readonly passphraseFile?: string;
  readonly kmsKey?: string;
  readonly vaultAddress?: string;
  readonly vaultKey?: string;
}

export interface SealQuestion {
  readonly flags: SealFlags;
  /** The section `seal` of rekey.yaml. */
  readonly section: FileConfig['seal'];
  readonly environment: Environment;
  /** Where the key file lies unless another place is named. */
  readonly dataFolder: string;
}

type Kind = SealSettings['kind'];
type Section<K extends Kind> = Extract<NonNullable<FileConfig['seal']>, { kind: K }>;

/**
 * Which seal is meant: command line first, then environment, then `rekey.yaml`; the key file in the data folder where
 * nothing is said. Details in `rekey.yaml` count only for the kind that they were written for.
 *
 * @throws RekeyError `invalid-input` with one sentence
 */
export function readSealSettings(question: SealQuestion): SealSettings {
  const kind = kindOf(question);
  refuseForeignFlags(question.flags, kind);
  switch (kind) {
    case 'local-key':
      return localKey(question);
    case 'passphrase':
      return passphrase(question);
    case 'aws-kms':
      return awsKms(question);
    case 'vault-transit':
      return vaultTransit(question);
  }
}

/** Whether anything but the key file of the data folder was asked for. */
export function isDefaultSeal(settings: SealSettings, dataFolder: string): boolean {
  return settings.kind === 'local-key' && settings.file === resolve(dataFolder, 'key');
}

/** The section `seal` that says the same. Holds no secret. */
export function describeSection(settings: SealSettings): string {
  const members = Object.entries(settings).filter(([, value]) => value !== null);
  return ['seal:', ...members.map(([name, value]) => `  ${name}: ${JSON.stringify(value)}`), ''].join('\n');
}

function kindOf({ flags, section, environment }: SealQuestion): Kind {
  const named = flags.seal ?? environment.REKEY_SEAL ?? section?.kind ?? 'local-key';
  const kind = SEAL_KINDS.find((candidate) => candidate === named);
  if (kind === undefined) throw wrongUse(`--seal takes one of ${SEAL_KINDS.join(', ')}, not "${named}".`);
  return kind;
}

const FLAG_KINDS = {
  keyFile: ['--key-file', 'local-key'],
  passphraseFile: ['--passphrase-file', 'passphrase'],
  kmsKey: ['--kms-key', 'aws-kms'],
  vaultAddress: ['--vault-address', 'vault-transit'],
  vaultKey: ['--vault-key', 'vault-transit'],
} as const;

function refuseForeignFlags(flags: SealFlags, kind: Kind): void {
  for (const [name, [flag, of]] of Object.entries(FLAG_KINDS))
    if (flags[name as keyof typeof FLAG_KINDS] !== undefined && of !== kind)
      throw wrongUse(`${flag} goes with --seal ${of}, but the seal is ${kind}; give the right one of them.`);
}

function sectionFor<K extends Kind>({ section }: SealQuestion, kind: K): Partial<Section<K>> {
  return section?.kind === kind ? (section as Section<K>) : {};
}

function localKey(question: SealQuestion): SealSettings {
  const { flags, environment, dataFolder } = question;
  const file =
    flags.keyFile ?? environment.REKEY_KEY_FILE ?? sectionFor(question, 'local-key').file ?? join(dataFolder, 'key');
  return { kind: 'local-key', file: resolve(file) };
}

function passphrase(question: SealQuestion): SealSettings {
  const { flags, environment } = question;
  const named = flags.passphraseFile ?? environment.REKEY_PASSPHRASE_FILE;
  if (named !== undefined) return { kind: 'passphrase', file: resolve(named) };
  if (environment.REKEY_PASSPHRASE !== undefined) return { kind: 'passphrase', file: null };
  const { file } = sectionFor(question, 'passphrase');
  if (file !== undefined) return { kind: 'passphrase', file: resolve(file) };
  throw wrongUse(
    'the seal passphrase needs its passphrase: in a file (--passphrase-file, REKEY_PASSPHRASE_FILE, seal.file in rekey.yaml) or as REKEY_PASSPHRASE.',
  );
}

function awsKms(question: SealQuestion): SealSettings {
  const section = sectionFor(question, 'aws-kms');
  const key = question.flags.kmsKey ?? question.environment.REKEY_KMS_KEY ?? section.key;
  if (key === undefined || key === '')
    throw wrongUse(
      'the seal aws-kms needs the key: --kms-key, REKEY_KMS_KEY or seal.key in rekey.yaml, an id, ARN or alias.',
    );
  const { region = null, endpoint = null, profile = null } = section;
  return { kind: 'aws-kms', key, region, endpoint, profile };
}

function vaultTransit(question: SealQuestion): SealSettings {
  const { flags, environment } = question;
  const section = sectionFor(question, 'vault-transit');
  const address = flags.vaultAddress ?? environment.REKEY_VAULT_ADDRESS ?? section.address;
  if (address === undefined)
    throw wrongUse(
      'the seal vault-transit needs the address of Vault: --vault-address, REKEY_VAULT_ADDRESS or seal.address in rekey.yaml.',
    );
  refuseOpenAddress(address);
  const key = flags.vaultKey ?? environment.REKEY_VAULT_KEY ?? section.key ?? 'rekey';
  const tokenFile = environment.REKEY_VAULT_TOKEN_FILE ?? null;
  if (tokenFile === null && environment.REKEY_VAULT_TOKEN === undefined && section.tokenFile === undefined)
    throw wrongUse(
      'the seal vault-transit needs a token: in a file (REKEY_VAULT_TOKEN_FILE, seal.tokenFile in rekey.yaml) or as REKEY_VAULT_TOKEN.',
    );
  const inFile = environment.REKEY_VAULT_TOKEN === undefined ? (section.tokenFile ?? null) : null;
  return {
    ...{ kind: 'vault-transit', address, key, mount: trimmed(section.mount ?? 'transit') },
    ...{ namespace: section.namespace ?? null },
    ...{ tokenFile: resolved(tokenFile ?? inFile), caFile: resolved(section.caFile ?? null) },
  };
}

/** The keyring travels in clear inside the connection. */
function refuseOpenAddress(address: string): void {
  const url = URL.canParse(address) ? new URL(address) : null;
  if (url === null || !/^https?:$/.test(url.protocol) || url.username !== '' || url.search !== '')
    throw wrongUse(`the address of Vault must look like https://vault.internal:8200, not "${address}".`);
  if (url.protocol === 'http:' && !/^(localhost|127(\.\d{1,3}){3}|\[::1\])$/.test(url.hostname))
    throw wrongUse(`the address of Vault, ${address}, is plain HTTP to another machine; use https.`);
}

function trimmed(mount: string): string {
  return mount.replace(/^\/+|\/+$/g, '');
}

function resolved(file: string | null): string | null {
  return file === null ? null : resolve(file);
}
