import { type Logger, RekeyError } from '@rekey/core';
import type { RecordSeal } from '../../store/sealed-record.ts';
import { MemoryEscrowJournal } from '../escrow/escrow.ts';
import { BEGINNING, beginningOf, SECRET } from './beginning.testing.ts';
import { type DiskDefects, SimulatedDisk, type Snapshot } from './disk.testing.ts';
import { Effects, MOST_EFFECTS } from './effects.testing.ts';
import type { Fault } from './fault.testing.ts';
import type { History } from './history.testing.ts';
import { handedOver, written } from './plain-keyring.testing.ts';
import { Promises } from './promises.testing.ts';
import { SeededRandom } from './random.testing.ts';
import { Readers } from './readers.testing.ts';
import { type SimulatedServer, startSimulatedServer } from './server.testing.ts';
import { ADMIN_PASSWORD, FIRST_PASSWORD, SimulatedTarget, type TargetDefects } from './target.testing.ts';
import { SimulatedClock, SimulatedTime } from './time.testing.ts';

export const OVERLAP = 10 * 60_000;
/** Far beyond what any history takes: some days. Milliseconds. */
const MOST_TIME = 90 * 86_400_000;

export interface WorldOptions {
  readonly disk?: DiskDefects;
  readonly target?: TargetDefects;
  /** The escrow journal forgets what it is given. */
  readonly forgetsEscrow?: boolean;
  /** The engine does not look who holds the old value. */
  readonly ignoresHolders?: boolean;
  /** The engine lets the old value die so long after a promotion, whatever was promised. Milliseconds. */
  readonly overlap?: number;
  /** Records become bytes on their way to the disk, as they do on a real one. */
  readonly written?: boolean;
  /** Told what happens, line by line; for whoever replays one history. */
  readonly trace?: (line: string) => void;
}

/** One secret at one target, and any number of servers over one disk. */
export class World {
  readonly history: History;
  readonly time = new SimulatedTime(BEGINNING, BEGINNING + MOST_TIME);
  readonly random: SeededRandom;
  readonly target: SimulatedTarget;
  readonly journal: MemoryEscrowJournal;
  /** Passwords that may be known outside of the store. */
  readonly journaled = new Set([FIRST_PASSWORD, ADMIN_PASSWORD]);
  readonly promises: Promises;
  readonly readers: Readers;
  readonly servers: SimulatedServer[] = [];
  readonly struck: string[] = [];
  /** Effects at which servers died or fell asleep. */
  readonly cut: string[] = [];
  readonly secretId = SECRET;
  readonly trace: ((line: string) => void) | null;
  readonly keyring: RecordSeal;
  readonly #ignoresHolders: boolean;
  disk: SimulatedDisk;
  /** From then on whoever sleeps is waited for; before, others go on without them. */
  isEnding = false;
  backup: Snapshot | null = null;
  strike: (server: SimulatedServer, fault: Fault, effect: string) => void | Promise<void> = () => {};
  #started = 0;

  constructor(history: History, options: WorldOptions = {}) {
    this.history = history;
    this.trace = options.trace ?? null;
    this.random = new SeededRandom(history.seed);
    this.time.onEnd = () => this.exhaust('the end of its time');
    this.target = new SimulatedTarget(this.time, options.target);
    this.disk = SimulatedDisk.begun(
      beginningOf(history, options.overlap ?? OVERLAP, options.written ?? false),
      options.disk,
    );
    this.journal = new WatchedJournal(this.journaled, options.forgetsEscrow ?? false);
    this.keyring = options.written === true ? written : handedOver;
    this.#share();
    const { target, journaled } = this;
    this.promises = new Promises(this.disk, { secretId: SECRET, target, journaled, overlap: OVERLAP });
    this.#ignoresHolders = options.ignoresHolders ?? false;
    this.readers = new Readers(this, history.readers ?? []);
    const looked = target.onChanged;
    target.onChanged = () => {
      looked();
      this.readers.check();
    };
    for (let server = 0; server < history.servers; server += 1) this.addServer();
  }

  get awake(): readonly SimulatedServer[] {
    return this.servers.filter(({ effects }) => effects.standing === 'awake');
  }

  get now(): number {
    return this.time.now;
  }

  addServer(): SimulatedServer {
    this.#started += 1;
    const { history, disk, keyring, target, journal } = this;
    let server: SimulatedServer | null = null;
    const effects = new Effects(
      (fault, effect) => (server === null ? undefined : this.strike(server, fault, effect)),
      () => this.exhaust(`${name} had ${MOST_EFFECTS} effects`),
    );
    const name = `server ${this.#started}`;
    if (this.trace !== null)
      effects.trace = (effect) => this.trace?.(`  ${this.#moment()} ${name} #${effects.reached} ${effect}`);
    server = startSimulatedServer({
      name,
      effects,
      clock: new SimulatedClock(this.time),
      disk,
      keyring,
      target,
      journal,
      random: this.random,
      strategies: history.strategy === 'single-user' ? ['single-user'] : [history.strategy, 'single-user'],
      shared: history.servers > 1,
      log: this.#log,
      ignoresHolders: this.#ignoresHolders,
    });
    const position = this.servers.push(server) - 1;
    for (const { server: planned, at, fault } of history.faults) if (planned === position) effects.plan(at, fault);
    return server;
  }

  /** The store is lost with all its servers; another is made of what a backup held. */
  replaceDisk(disk: SimulatedDisk): void {
    for (const server of this.servers) this.stop(server);
    this.disk = disk;
    this.#share();
    this.promises.watch(disk);
  }

  stop(server: SimulatedServer): void {
    server.clock.stopped = true;
    server.work = null;
    server.wakesAt = Number.POSITIVE_INFINITY;
    server.effects.die();
  }

  /** Ends what does not end by itself, with the history's promises broken: whoever goes on is stopped at once. */
  exhaust(what: string): void {
    this.promises.break(`it comes to no end: ${what}`);
    for (const server of this.servers) this.stop(server);
  }

  /** Nothing of this world goes on: what a server was in the middle of waits for ever, and is forgotten. */
  async close(): Promise<void> {
    for (const server of this.servers) {
      this.stop(server);
      await server.store.close();
    }
  }

  #share(): void {
    if (this.history.servers > 1) this.disk.clock = () => this.time.now;
  }

  #moment(): string {
    return new Date(this.time.now).toISOString().slice(8, 23);
  }

  /** What the engine did not expect is a defect, whatever became of it. */
  readonly #log: Logger = {
    debug: () => {},
    info: (fields, message) => this.#logged(fields, message),
    warn: (fields, message) => this.#logged(fields, message),
    error: (fields, message) => {
      this.#logged(fields, message);
      if ('reason' in fields && (fields.reason === 'unexpected' || fields.reason === 'bug'))
        this.promises.break(`a defect: ${message}`);
    },
  };

  #logged(fields: object, message: string): void {
    this.trace?.(`    ${message}`);
    this.promises.checkSilent('a log line', message);
    for (const field of Object.values(fields))
      if (typeof field === 'string') this.promises.checkSilent('a log line', field);
  }

  /** Whatever was told or written down besides the values themselves. */
  checkSilent(): void {
    const { promises, disk } = this;
    for (const { engine } of this.servers)
      for (const { detail } of engine.audited) if (detail != null) promises.checkSilent('an audit entry', detail);
    for (const collection of ['rotation', 'drift', 'alert', 'outbox'] as const)
      for (const [, record] of disk.all(collection)) promises.checkSilent(collection, record);
  }

  /** What people ask for may be refused, but never by an error nobody thought of. */
  refused(error: unknown): void {
    if (!(error instanceof RekeyError) || error.code === 'bug') this.promises.break(`a defect: ${String(error)}`);
  }
}

/** Notes what is durable, so that it can be told whether the target hears of something that is not. */
class WatchedJournal extends MemoryEscrowJournal {
  readonly #known: Set<string>;
  readonly #forgets: boolean;

  constructor(known: Set<string>, forgets: boolean) {
    super();
    this.#known = known;
    this.#forgets = forgets;
  }

  override async append(entry: Parameters<MemoryEscrowJournal['append']>[0]): Promise<void> {
    if (this.#forgets) return;
    await super.append(entry);
    this.#known.add(JSON.parse(entry.text).password);
  }
}
