import { readFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { DEFAULT_DRIFT_INTERVAL } from '../engine/drift/drift-state.ts';
import { type Environments, freezeText } from '../engine/order/environments.ts';
import type { FreezeText } from '../engine/order/freeze.ts';
import { DEFAULT_LOGIN_LIMIT, type LoginLimit } from '../engine/target/login-count.ts';
import type { SealSettings } from '../seal/open-seal.ts';
import { PostgresAddress } from '../store/postgres/address.ts';
import { type BreachConfig, breachConfig } from './breach-config.ts';
import type { FileConfig } from './config-file.ts';
import { readSealSettings, type SealFlags } from './seal-settings.ts';
import { wrongUse } from './wrong-use.ts';

export interface WebhookConfig {
  readonly url: string;
  /** File with the shared secret of the HMAC signature. */
  readonly secretFile: string;
}

/** What the server needs besides an OIDC provider's own settings to fetch its keys. */
export interface IssuerConfig {
  /** The issuer as its tokens name it. */
  readonly url: string;
  /** Certificates (PEM) of the authorities that vouch for it; else those the machine trusts. */
  readonly caFile?: string | undefined;
  /** Bearer token that the issuer wants to see before it tells its keys. */
  readonly tokenFile?: string | undefined;
}

/** Scheduled backups. */
export interface BackupConfig {
  /** Milliseconds between two. */
  readonly every: number;
  readonly folder: string;
  /** Good ones that are kept. */
  readonly keep: number;
}

/** Who may read metrics besides those whom a policy lets. */
export interface MetricsConfig {
  /** Whoever reaches the server may. */
  readonly open: boolean;
  /** File with the token of a scraper that may read them and nothing else; null for none. */
  readonly tokenFile: string | null;
}

export interface ServerConfig {
  /** Null: memory store (`--dev`). */
  readonly dataFolder: string | null;
  /** The store that several servers share; null for one in the data folder. */
  readonly storeAddress: PostgresAddress | null;
  /** How old a read may be where several servers share a store; milliseconds. */
  readonly readBound: number;
  /** How old while the store cannot be reached; 0: nothing is answered then. Milliseconds. */
  readonly staleReads: number;
  /** How the key-encryption key is reached; null with the memory store. */
  readonly seal: SealSettings | null;
  /** Null: none are made. */
  readonly backup: BackupConfig | null;
  /** Create the store if the folder has none (`serve --init`). */
  readonly initialise: boolean;
  readonly host: string;
  readonly port: number;
  readonly tls: { readonly cert: string; readonly key: string } | null;
  readonly trustedProxies: readonly string[];
  readonly insecureHttp: boolean;
  readonly region: string;
  /** Further regions in which secrets can have replicas. */
  readonly replicaRegions: readonly string[];
  readonly account: string;
  readonly logLevel: 'trace' | 'debug' | 'info' | 'warn' | 'error';
  readonly auditDurability: 'written' | 'synced';
  /** Size at which the audit goes on in a new file; bytes. */
  readonly auditFileBytes: number;
  /** Folder of the second copy of the escrow journal; null for one copy only. */
  readonly escrowSecondFolder: string | null;
  readonly webhooks: readonly WebhookConfig[];
  readonly metrics: MetricsConfig;
  readonly issuers: readonly IssuerConfig[];
  readonly rotationConcurrency: number;
  readonly rotationConcurrencyPerTarget: number;
  /** Logins of one credential that may be refused or go unanswered, below the lock-out limit of the targets. */
  readonly loginLimit: LoginLimit;
  /** Milliseconds within which each current value is tried at its target; null: none is. */
  readonly driftInterval: number | null;
  readonly breach: BreachConfig;
  /** Named sets of secrets, for freezes. */
  readonly environments: Environments;
  readonly freezes: readonly FreezeText[];
}

export const DEFAULT_LISTEN = '127.0.0.1:7420';
export const DEFAULT_DATA_FOLDER = './rekey-data';

/** What the command line of `serve` may say; everything else comes from environment, file and defaults. */
export interface ServeFlags extends SealFlags {
  readonly data?: string;
  readonly dev?: boolean;
  readonly store?: string;
  readonly init?: boolean;
  readonly listen?: string;
  readonly config?: string;
  readonly tlsCert?: string;
  readonly tlsKey?: string;
  readonly trustedProxy?: readonly string[];
  readonly insecureHttp?: boolean;
  readonly logLevel?: string;
}

/**
 * Everything a server is told, in one place: command line first, then environment, then `rekey.yaml`, then defaults.
 * Never a secret value: credentials come from the environment or from files named here.
 *
 * @throws RekeyError `invalid-input` with one sentence naming the flag or the line of the file.
 */
export async function readConfig(
  flags: ServeFlags,
  environment: Readonly<Record<string, string | undefined>>,
): Promise<ServerConfig> {
  const dataFolder = flags.dev ? null : (flags.data ?? environment.REKEY_DATA ?? DEFAULT_DATA_FOLDER);
  const file = await readConfigFile(flags.config ?? environment.REKEY_CONFIG ?? null, dataFolder);
  const address = parseAddress(flags.listen ?? environment.REKEY_LISTEN ?? file.listen ?? DEFAULT_LISTEN);
  if (flags.dev && flags.init)
    throw wrongUse('--dev keeps nothing, so there is nothing to --init; leave one of them out.');
  if (flags.dev && flags.store !== undefined)
    throw wrongUse('--dev keeps everything in memory, so there is no --store; leave one of them out.');
  if ((flags.tlsCert === undefined) !== (flags.tlsKey === undefined))
    throw wrongUse('--tls-cert and --tls-key go together; give both or neither.');
  if (flags.dev && !isLoopback(address.host)) throw wrongUse(`--dev listens on loopback only, not on ${address.host}.`);
  return {
    dataFolder,
    storeAddress: flags.dev ? null : readStoreAddress(flags.store ?? null, file.store?.url ?? null, environment),
    seal: dataFolder === null ? null : readSealSettings({ flags, section: file.seal, environment, dataFolder }),
    backup: file.backup === undefined ? null : { ...file.backup, folder: resolve(file.backup.folder) },
    readBound: file.store?.readBound ?? 1_000,
    staleReads: file.store?.staleReads === 'off' ? 0 : (file.store?.staleReads ?? 0),
    initialise: flags.init ?? false,
    ...address,
    tls:
      flags.tlsCert !== undefined && flags.tlsKey !== undefined
        ? { cert: flags.tlsCert, key: flags.tlsKey }
        : (file.tls ?? null),
    trustedProxies: flags.trustedProxy?.length ? flags.trustedProxy : (file.trustedProxies ?? []),
    insecureHttp: flags.insecureHttp ?? file.insecureHttp ?? false,
    region: environment.REKEY_REGION ?? file.region ?? 'us-east-1',
    replicaRegions: file.replicaRegions ?? [],
    account: environment.REKEY_ACCOUNT ?? file.account ?? '000000000000',
    logLevel: parseLogLevel(flags.logLevel ?? environment.REKEY_LOG_LEVEL ?? file.logLevel ?? 'info'),
    auditDurability: file.audit?.durability ?? 'written',
    auditFileBytes: file.audit?.fileBytes ?? 64 * 1024 * 1024,
    escrowSecondFolder: file.escrow?.secondFolder ?? null,
    webhooks: file.alerts?.webhooks ?? [],
    metrics: { open: file.metrics?.open ?? false, tokenFile: file.metrics?.tokenFile ?? null },
    issuers: file.issuers ?? [],
    rotationConcurrency: file.rotation?.concurrency ?? 8,
    rotationConcurrencyPerTarget: file.rotation?.concurrencyPerTarget ?? 4,
    driftInterval:
      file.rotation?.driftInterval === 'off' ? null : (file.rotation?.driftInterval ?? DEFAULT_DRIFT_INTERVAL),
    environments: file.environments ?? {},
    freezes: readFreezes(file),
    loginLimit: { ...DEFAULT_LOGIN_LIMIT, ...file.rotation?.loginBudget },
    breach: breachConfig(file.breach),
  };
}

/** Each of them readable, so that a slip of the pen is seen at the start and not when the freeze should have come. */
function readFreezes({ freezes = [], environments = {} }: FileConfig): readonly FreezeText[] {
  const texts = freezes.map((form) => freezeText(form, environments));
  const twice = texts.find(({ name }, index) => texts.findIndex((other) => other.name === name) !== index);
  if (twice !== undefined) throw wrongUse(`rekey.yaml: there are two freezes with the name "${twice.name}".`);
  return texts;
}

/** Only the environment may hold the password: command lines and this file are read by others. */
function readStoreAddress(
  flag: string | null,
  inFile: string | null,
  environment: Readonly<Record<string, string | undefined>>,
): PostgresAddress | null {
  const named = flag ?? environment.REKEY_STORE_URL ?? inFile;
  if (named === null || named === '') return null;
  const address = PostgresAddress.parse(named);
  const isOpen = flag !== null || environment.REKEY_STORE_URL === undefined;
  if (isOpen && address.hasPassword)
    throw wrongUse(
      `${flag === null ? 'store.url in rekey.yaml' : '--store'} must not hold the password, others can read it; give it as PGPASSWORD, in a passfile (PGPASSFILE), or the whole URL as REKEY_STORE_URL.`,
    );
  return address;
}

/** Loopback in either family, or the name that means it. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}

function parseAddress(text: string): { host: string; port: number } {
  const match = /^(?:\[([0-9a-fA-F:.]+)\]|([^:[\]]+)):(\d{1,5})$/.exec(text);
  const port = Number(match?.[3]);
  if (match === null || port > 65_535)
    throw wrongUse(`--listen takes HOST:PORT such as ${DEFAULT_LISTEN}, not "${text}".`);
  return { host: match[1] ?? match[2] ?? '', port };
}

function parseLogLevel(text: string): ServerConfig['logLevel'] {
  const levels = ['trace', 'debug', 'info', 'warn', 'error'] as const;
  const level = levels.find((candidate) => candidate === text);
  if (level === undefined) throw wrongUse(`--log-level takes one of ${levels.join(', ')}, not "${text}".`);
  return level;
}

export async function readConfigFile(named: string | null, dataFolder: string | null): Promise<FileConfig> {
  const path = named ?? (dataFolder === null ? null : join(dataFolder, 'rekey.yaml'));
  const text = path === null ? null : readText(path, named !== null);
  if (path === null || text === null) return {};
  const { parseConfigFile } = await import('./config-file.ts');
  return parseConfigFile(text, path);
}

function readText(path: string, mustExist: boolean): string | null {
  try {
    return readFileSync(path, 'utf8');
  } catch (error) {
    if (!mustExist && (error as NodeJS.ErrnoException).code === 'ENOENT') return null;
    throw wrongUse(
      `cannot read the configuration ${path}: ${(error as NodeJS.ErrnoException).code ?? 'unknown error'}.`,
    );
  }
}
