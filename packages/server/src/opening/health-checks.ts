import { existsSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { createServer } from 'node:net';
import { join } from 'node:path';
import { messageOf } from '@rekey/core';
import { verifyAudit } from '../audit/verify.ts';
import { readConfig, type ServeFlags, type ServerConfig } from '../config/config.ts';
import { noteOfRunningServer } from '../host/server-note.ts';
import { openSeal } from '../seal/open-seal.ts';
import { dataFiles, openDataFolderForReading, readAuditHead, sealOf } from './data-folder.ts';

/** One look at one thing that could go wrong. */
export interface Check {
  readonly name: string;
  readonly outcome: 'fine' | 'note' | 'trouble';
  /** What was seen and, where it is not fine, what to do. */
  readonly sentence: string;
}

export interface HealthOptions {
  readonly dataFolder: string;
  /** Address of a running server, to compare clocks with; null for none. */
  readonly endpoint: string | null;
  /** Address of the server that runs on the folder; null for none. */
  readonly running: string | null;
  /** What `serve` would be told. */
  readonly flags: ServeFlags;
}

/** Less than this much disk and the next weeks' audit may not fit; bytes. */
const DISK_LOW = 1024 ** 3;
/** SigV4 refuses requests that are further off than five minutes; one is the time to mend it. Milliseconds. */
const CLOCK_OFF = 60_000;

/** Looks at everything, whatever fails meanwhile: a check that cannot look is trouble of its own. */
export async function checkHealth(options: HealthOptions): Promise<readonly Check[]> {
  const checks: [string, () => Promise<Check> | Check][] = [
    ['configuration', () => checkConfiguration(options.flags)],
    ['data folder', () => checkFolder(options.dataFolder)],
    ['key', () => checkSeal(options)],
    ['disk', () => checkDisk(options.dataFolder)],
    ['store', () => checkStore(options.dataFolder)],
    ['audit', () => checkAudit(options.dataFolder)],
    ['backup', () => checkBackup(options)],
    ['clock', () => checkClock(options)],
    ['port', () => checkPort(options)],
  ];
  if (!existsSync(options.dataFolder)) checks.splice(2);
  const results: Check[] = [];
  for (const [name, look] of checks) results.push(await attempt(name, look));
  return results;
}

async function attempt(name: string, look: () => Promise<Check> | Check): Promise<Check> {
  try {
    return await look();
  } catch (error) {
    return { name, outcome: 'trouble', sentence: messageOf(error) };
  }
}

async function checkConfiguration(flags: ServeFlags): Promise<Check> {
  const config = await configOf(flags);
  return { name: 'configuration', outcome: 'fine', sentence: `region ${config.region}, account ${config.account}` };
}

function checkFolder(dataFolder: string): Check {
  if (!existsSync(dataFolder))
    return {
      name: 'data folder',
      outcome: 'trouble',
      sentence: `${dataFolder} does not exist; make it with \`rekey init --data ${dataFolder}\`.`,
    };
  return checkMode(dataFolder, 'data folder');
}

function checkMode(path: string, name: string): Check {
  if (!existsSync(path)) return { name, outcome: 'trouble', sentence: `there is no ${name} at ${path}; put it back.` };
  const mode = statSync(path).mode & 0o777;
  if ((mode & 0o077) !== 0 && process.platform !== 'win32')
    return {
      name,
      outcome: 'trouble',
      sentence: `${path} is open to others (mode ${mode.toString(8)}); run \`chmod go= ${path}\`.`,
    };
  return { name, outcome: 'fine', sentence: `${path} is the owner's alone` };
}

/** Whether a KEK in another house opens the store is seen when the store is looked at. */
async function checkSeal({ dataFolder, flags }: HealthOptions): Promise<Check> {
  const settings = noteOfRunningServer(dataFolder)?.seal ?? sealOf(await configOf(flags));
  if (settings.kind === 'local-key') return checkMode(settings.file, 'key file');
  if (settings.kind === 'passphrase' && settings.file !== null) return checkMode(settings.file, 'passphrase file');
  const seal = await openSeal(settings, process.env);
  return { name: 'seal', outcome: 'fine', sentence: seal.describe() };
}

async function checkDisk(dataFolder: string): Promise<Check> {
  const { bavail, bsize } = await statfs(dataFolder);
  const free = bavail * bsize;
  const megabytes = `${Math.round(free / 1024 ** 2)} MB free`;
  if (free < DISK_LOW)
    return {
      name: 'disk',
      outcome: 'trouble',
      sentence: `${megabytes}; make room before the store or the audit cannot write.`,
    };
  return { name: 'disk', outcome: 'fine', sentence: megabytes };
}

async function checkStore(dataFolder: string): Promise<Check> {
  const store = await openDataFolderForReading(dataFolder);
  try {
    const problems = await store.check();
    if (problems.length > 0)
      return {
        name: 'store',
        outcome: 'trouble',
        sentence: `${problems[0]} (${problems.length} in all); restore a backup into a new folder.`,
      };
    return { name: 'store', outcome: 'fine', sentence: `sound, ${await store.count('secret')} secrets` };
  } finally {
    await store.close();
  }
}

/** Of the scheduled ones; who backs up otherwise knows. */
async function checkBackup({ dataFolder, flags }: HealthOptions): Promise<Check> {
  const { backup } = await configOf(flags);
  const name = 'backup';
  if (backup === null)
    return { name, outcome: 'note', sentence: 'none is scheduled: see `backup` in rekey.yaml, or make your own' };
  const store = await openDataFolderForReading(dataFolder);
  try {
    const { describeNote, findNote, isLate } = await import('./backup/backup-schedule.ts');
    const note = await findNote(store);
    const late = isLate(note, backup.every, Date.now());
    const sentence = describeNote(note, backup);
    return {
      name,
      outcome: late ? 'trouble' : 'fine',
      sentence: late ? `${sentence}; \`rekey status\` of the running server says why` : sentence,
    };
  } finally {
    await store.close();
  }
}

async function checkAudit(dataFolder: string): Promise<Check> {
  const folder = dataFiles(dataFolder).auditFolder;
  if (!existsSync(folder))
    return { name: 'audit', outcome: 'note', sentence: 'nothing audited yet; the first start begins it' };
  const report = await verifyAudit({ folder, storedCheckpoint: await readAuditHead(dataFolder) });
  return { name: 'audit', outcome: report.sound ? 'fine' : 'trouble', sentence: report.sentence };
}

async function checkClock(options: HealthOptions): Promise<Check> {
  if (options.endpoint === null) return checkClockByFiles(options.dataFolder);
  const answer = await fetch(new URL('/healthz', options.endpoint), { signal: AbortSignal.timeout(5_000) });
  const theirs = Date.parse(answer.headers.get('date') ?? '');
  const off = Math.abs(Date.now() - theirs);
  if (Number.isNaN(theirs)) return { name: 'clock', outcome: 'note', sentence: 'the server does not tell its time' };
  if (off > CLOCK_OFF)
    return {
      name: 'clock',
      outcome: 'trouble',
      sentence: `this machine and the server are ${Math.round(off / 1000)} s apart; set both by NTP.`,
    };
  return { name: 'clock', outcome: 'fine', sentence: 'agrees with the server' };
}

/** Without somebody to compare with: at least the clock must not stand before what was already written. */
function checkClockByFiles(dataFolder: string): Check {
  const { storeFile } = dataFiles(dataFolder);
  if (!existsSync(storeFile))
    return { name: 'clock', outcome: 'note', sentence: 'nothing to compare with: give --endpoint of a running server' };
  const written = statSync(join(storeFile)).mtimeMs;
  const ahead = written - Date.now();
  if (ahead > CLOCK_OFF)
    return {
      name: 'clock',
      outcome: 'trouble',
      sentence: `the store was written ${Math.round(ahead / 1000)} s in the future; set the clock by NTP.`,
    };
  return {
    name: 'clock',
    outcome: 'fine',
    sentence: 'not before the last write of the store (give --endpoint to compare with a server)',
  };
}

/** A server that runs is asked whether it answers; else the configured address is tried. */
async function checkPort({ running, flags }: HealthOptions): Promise<Check> {
  if (running !== null) return checkRunning(running);
  const { host, port } = await configOf(flags);
  const error = await new Promise<NodeJS.ErrnoException | null>((resolve) => {
    const probe = createServer();
    probe.once('error', resolve);
    probe.listen(port, host, () => probe.close(() => resolve(null)));
  });
  const address = `${host}:${port}`;
  if (error === null)
    return { name: 'port', outcome: 'fine', sentence: `${address} is free; no server runs on this folder` };
  if (error.code === 'EADDRINUSE')
    return {
      name: 'port',
      outcome: 'trouble',
      sentence: `${address} is in use by another program; stop that, or choose another address with --listen.`,
    };
  return { name: 'port', outcome: 'trouble', sentence: `${address} cannot be listened on (${error.code}).` };
}

async function checkRunning(endpoint: string): Promise<Check> {
  const answer = await fetch(new URL('/healthz', endpoint), { signal: AbortSignal.timeout(5_000) }).catch(
    (error: Error & { cause?: { code?: string } }) => error,
  );
  if (answer instanceof Response && answer.ok)
    return { name: 'port', outcome: 'fine', sentence: `the server of this folder answers at ${endpoint}` };
  if (!(answer instanceof Response) && /CERT|SELF_SIGNED/.test(answer.cause?.code ?? ''))
    return {
      name: 'port',
      outcome: 'note',
      sentence: `${endpoint} answers with a certificate this machine does not trust (${answer.cause?.code}); NODE_EXTRA_CA_CERTS can name its authority.`,
    };
  const why = answer instanceof Response ? `HTTP ${answer.status}` : (answer.cause?.code ?? answer.name);
  return {
    name: 'port',
    outcome: 'trouble',
    sentence: `the server of this folder does not answer at ${endpoint} as it should (${why}); see its log.`,
  };
}

function configOf(flags: ServeFlags): Promise<ServerConfig> {
  return readConfig(flags, process.env);
}
