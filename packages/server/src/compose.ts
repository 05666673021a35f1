import { randomUUID } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { type Logger, systemClock, systemRandom } from '@rekey/core';
import { rotationFunctionFrom, rotators } from '@rekey/rotators';
import type { ServerConfig } from './config/config.ts';
import { Alerts } from './engine/alerts/alerts.ts';
import { Outbox } from './engine/alerts/outbox.ts';
import type { BoundaryHook } from './engine/boundary.ts';
import { createBreachEngine } from './engine/breach/breach-engine.ts';
import { ChangeStream } from './engine/changes/change-stream.ts';
import { Corrections } from './engine/correction/corrections.ts';
import { Unstick } from './engine/correction/unstick.ts';
import { DriftLook } from './engine/drift/drift-look.ts';
import { DriftWatch } from './engine/drift/drift-watch.ts';
import { Attendance } from './engine/holders/attendance.ts';
import { Holders } from './engine/holders/holders.ts';
import { parseFreeze } from './engine/order/freeze.ts';
import { FreezeWatch } from './engine/order/freeze-watch.ts';
import { Freezes } from './engine/order/freezes.ts';
import { RotationHolds } from './engine/order/rotation-holds.ts';
import { Quarantine } from './engine/quarantine/quarantine.ts';
import { HeldSecrets } from './engine/rotation/held-secrets.ts';
import { RotationCounts } from './engine/rotation/rotation-counts.ts';
import { RotationJournal } from './engine/rotation/rotation-journal.ts';
import { Rotations } from './engine/rotation/rotations.ts';
import { EngineSecretAccess } from './engine/rotation/secret-access.ts';
import { DEFAULT_WORKER_SETTINGS, Worker } from './engine/schedule/worker.ts';
import { LoginBudget } from './engine/target/login-budget.ts';
import { TargetLook } from './engine/target/target-look.ts';
import { openFaces } from './faces/index.ts';
import { Authentication, nobody } from './host/authentication.ts';
import { givingWay } from './host/give-way.ts';
import { listen } from './host/listen.ts';
import { RequestCounts } from './host/request-counts.ts';
import { leaveServerNote, removeServerNote } from './host/server-note.ts';
import { alertSenders } from './opening/alert-senders.ts';
import { openAudit } from './opening/audit-opening.ts';
import { openBackupSchedule } from './opening/backup/schedule-opening.ts';
import { breachWebhooks, leakedFetcher, webhookRates } from './opening/breach-webhooks.ts';
import { openKeyUpkeep } from './opening/key-upkeep.ts';
import { openMetrics, scrapersOf } from './opening/metrics/metrics-opening.ts';
import { ensureRoot, type RootCredentials, rootKeyOf } from './opening/root-credentials.ts';
import { accessUnder, type MakeRotationFunction, rotationFunctions } from './opening/rotation-functions.ts';
import { openStorage } from './opening/storage-opening.ts';
import { upkeepOf } from './opening/upkeep.ts';
import { issuerRules, webIdentityVerifier } from './opening/web-identity.ts';
import { AccessUses } from './service/access/access-uses.ts';
import { AccessDirectory } from './service/access/directory.ts';
import { createService } from './service/service.ts';
import { Sessions } from './service/sts/sessions.ts';

/** What a server is started with besides its configuration. */
export interface StartOptions {
  readonly log: Logger;
  /** Where root's credentials may be named; see `rekey serve --help`. */
  readonly environment: Readonly<Record<string, string | undefined>>;
  /** Called at each durable boundary of a rotation; for crash tests. */
  readonly boundary?: BoundaryHook;
}

/** A server that answers requests and rotates. */
export interface RunningRekey {
  readonly endpoint: string;
  readonly region: string;
  readonly root: RootCredentials;
  /** Root's credentials were made just now and nobody has seen them yet. */
  readonly rootMade: boolean;
  /** Answers what it has begun, lets rotations come to rest, closes everything. */
  stop(): Promise<void>;
}

/**
 * Puts a server together and starts it. Everything is opened from the ground up and closed in the opposite order; what
 * fails half-way closes what was open.
 *
 * @throws RekeyError with one sentence that says what to do
 */
export async function startRekey(config: ServerConfig, options: StartOptions): Promise<RunningRekey> {
  const closers: (() => Promise<void>)[] = [];
  const close = async () => {
    for (const closer of closers.splice(0).reverse()) await closer();
  };
  try {
    return { ...(await start(config, options, closers)), stop: close };
  } catch (error) {
    await close();
    throw error;
  }
}

async function start(
  config: ServerConfig,
  { log, environment, boundary }: StartOptions,
  closers: (() => Promise<void>)[],
): Promise<Omit<RunningRekey, 'stop'>> {
  const clock = systemClock;
  const random = systemRandom;
  const holder = holderOf(config);
  const { region, replicaRegions, account } = config;

  const { store, escrow, compactEscrow, followKeys, close: closeStorage } = await openStorage(config);
  closers.push(closeStorage);
  const { root, made } = await ensureRoot(store, environment, random);
  const { audit, lines: auditLines, close: closeAudit } = await openAudit(config, store, log);
  closers.push(closeAudit);

  const senders = alertSenders(config.webhooks);
  const outbox = new Outbox({ store, senders, clock, audit, log, holder });
  const alerts = new Alerts({ store, clock, random, senders: senders.map((sender) => sender.name) });
  const attendance = new Attendance(clock);
  const holders = new Holders({ store, clock, log, attendance });
  closers.push(() => holders.close());
  const changes = new ChangeStream({ store, clock });

  const requests = new RequestCounts();
  const giveWay = givingWay(requests);
  const parts = { store, clock, audit, alerts, log, giveWay, ...(boundary === undefined ? {} : { boundary }) };
  const counts = new RotationCounts();
  const journal = new RotationJournal({ ...parts, counts });
  const budget = new LoginBudget({ ...parts, limit: config.loginLimit });
  const held = new HeldSecrets();
  const access = new EngineSecretAccess({ ...parts, escrow, held, journal });
  const findFunction = rotationFunctions(makeFunction, access, config);
  const freezes = new Freezes(store, config.freezes.map(parseFreeze));
  const holds = new RotationHolds(store, freezes);
  const freezeWatch = new FreezeWatch({ store, clock, freezes, holds });
  const rotations = new Rotations({ ...parts, journal, escrow, random, holds, onBegun: () => worker.wake() });
  const corrections = new Corrections({ ...parts, random, rotations, onBegun: () => worker.wake() });
  const look = new TargetLook({ clock, budget });
  const looking = { ...parts, look, findFunction, holder };
  const unstick = new Unstick({ ...looking, rotations });
  const drift = new DriftLook(looking);
  const driftWatch = new DriftWatch({ ...looking, every: config.driftInterval });
  const quarantine = new Quarantine({ ...parts, escrow, findFunction, holder, loginLimit: config.loginLimit });
  const breach = createBreachEngine({
    ...{ ...looking, random, journal, rotations, unstick, holders, holdings: holders.history },
    breachSettings: config.breach.settings,
    fetchLeaked: leakedFetcher(config.breach.webhooks),
    onHastened: () => worker.wake(),
  });
  const directory = new AccessDirectory(store, account);
  const uses = new AccessUses({ store, clock, log, region });
  closers.push(() => uses.close());
  const rules = issuerRules(environment);
  const rootKeyId = root.accessKeyId;
  const sessions = new Sessions({ store, directory, clock, random, account, rootKeyId });
  const webIdentities = webIdentityVerifier(directory, config.issuers, rules, () => clock.now());
  const keyUpkeep = openKeyUpkeep(
    { ...parts, holder, followKeys },
    { dataFolder: config.dataFolder, shared: config.storeAddress !== null },
  );
  const version = versionOf();
  const service = createService({
    ...parts,
    escrow,
    holders,
    changes,
    rotations,
    corrections,
    unstick,
    breach,
    look,
    findFunction,
    rotators: Object.keys(rotators),
    findFunctionUnder: (settings) => rotationFunctions(makeFunction, accessUnder(access, settings), config),
    upkeep: upkeepOf(store, quarantine),
    freezes,
    environments: config.environments,
    holds,
    keys: keyUpkeep.parts,
    metrics: openMetrics(config.metrics, { ...parts, rotations: counts, requests, budget, auditLines, version }),
    access: { directory, uses, providers: rules },
    sts: { sessions, rootKeyId, verifyWebIdentity: (token) => webIdentities.verify(token) },
    random,
    region,
    replicaRegions,
    account,
  });
  const jobs = [
    ...service.jobs,
    ...breach.fingerprints.jobs,
    freezeWatch.job,
    attendance.job,
    { name: 'escrow', every: ESCROW_INTERVAL, run: compactEscrow },
  ];
  const caps = { overall: config.rotationConcurrency, perTarget: config.rotationConcurrencyPerTarget };
  const settings = { ...DEFAULT_WORKER_SETTINGS, holder, caps };
  const onProven = (secretId: string) => drift.proven(secretId);
  const working = { ...parts, journal, rotations, held, findFunction, budget, holders, holds };
  const worker = new Worker({ ...working, settings, jobs, onProven });

  let ready = false;
  const authentication = new Authentication({
    root: rootKeyOf(root),
    directory,
    sessions,
    uses,
    region,
    replicaRegions,
    account,
    now: () => clock.now(),
  });
  const faces = openFaces({
    service,
    version,
    isReady: () => ready,
    staleAge: () => store.staleAge,
    breachWebhooks: {
      webhooks: breachWebhooks(config.breach.webhooks, () => clock.now()),
      rates: webhookRates(config.breach.webhooks),
      now: () => clock.now(),
    },
    bySignature: (face, signedFor) => authentication.bySignature(face, signedFor),
    byTokenOrSignature: authentication.byTokenOrSignature('native', 'rekey'),
    byScraper: authentication.byTokenOrSignature('metrics', 'rekey', scrapersOf(config.metrics)),
    refused: (request, action, error) => service.cases.refuse(nobody(request, action, error), error),
  });
  const listener = await listen({ ...config, faces, log, counts: requests, staleAge: () => store.staleAge });
  closers.push(() => listener.stop());
  const backups = openBackupSchedule({ ...parts, holder }, config);
  backups.start();
  closers.push(() => backups.stop());
  closers.push(async () => changes.close());
  outbox.start();
  closers.push(() => outbox.stop());
  keyUpkeep.start();
  closers.push(() => keyUpkeep.stop());
  quarantine.start();
  closers.push(() => quarantine.stop());
  driftWatch.start();
  closers.push(() => driftWatch.stop());
  worker.start();
  closers.push(() => worker.stop());
  breach.work.start();
  closers.push(() => breach.work.stop());
  if (config.dataFolder !== null) {
    const { dataFolder } = config;
    leaveServerNote(dataFolder, {
      ...{ endpoint: listener.endpoint, region, processId: process.pid },
      ...(config.storeAddress === null ? {} : { store: config.storeAddress.withoutPassword() }),
      ...(config.seal === null ? {} : { seal: config.seal }),
    });
    closers.push(async () => removeServerNote(dataFolder));
  }
  ready = true;
  return { endpoint: listener.endpoint, region, root, rootMade: made };
}

/**
 * Who holds the claims. The lock on a data folder leaves room for one server, so that the next one on it may go on at
 * once with what the last one held when it died, instead of waiting for its claims to run out. On a shared store each
 * process is somebody new: one that was cut off from the store may be alive and at work under its old claims.
 */
function holderOf({ dataFolder, storeAddress }: ServerConfig): string {
  return dataFolder === null || storeAddress !== null ? randomUUID() : 'the server of this data folder';
}

/** How often the escrow journal is looked through for what is past its retention. Milliseconds. */
const ESCROW_INTERVAL = 86_400_000;

const makeFunction: MakeRotationFunction = (rotator, access) =>
  Object.hasOwn(rotators, rotator)
    ? rotationFunctionFrom(rotators[rotator]!(), access, { random: systemRandom })
    : null;

function versionOf(): string {
  const text = readFileSync(new URL('../package.json', import.meta.url), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}
