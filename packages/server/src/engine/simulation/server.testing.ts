import {
  type Logger,
  type RandomSource,
  type RotationFunction,
  RotatorError,
  type SecretAccess,
  type Strategy,
} from '@rekey/core';
import { rotationFunctionFrom } from '@rekey/rotators';
import type { RecordSeal } from '../../store/sealed-record.ts';
import { Store } from '../../store/store.ts';
import { Alerts } from '../alerts/alerts.ts';
import type { EscrowEntry, EscrowJournal, MemoryEscrowJournal } from '../escrow/escrow.ts';
import { DEFAULT_LOGIN_LIMIT } from '../target/login-count.ts';
import { assembleEngine, type Engine } from '../testing.ts';
import type { SimulatedDisk } from './disk.testing.ts';
import { SimulatedDriver } from './driver.testing.ts';
import type { Effects } from './effects.testing.ts';
import { type SimulatedTarget, simulatedRotator, TargetConnection } from './target.testing.ts';
import type { SimulatedClock } from './time.testing.ts';

/** One process: the real engine over simulated surroundings. */
export interface SimulatedServer {
  readonly name: string;
  readonly effects: Effects;
  readonly clock: SimulatedClock;
  readonly connection: TargetConnection;
  readonly store: Store;
  readonly engine: Engine<SimulatedClock>;
  /** Since when somebody could come by; anew when it wakes up. */
  readonly attendance: { since: number };
  /** What it is at, as long as that has not come to its end. */
  work: Promise<void> | null;
  /** When it wakes up, if it sleeps. */
  wakesAt: number;
}

export interface ServerParts {
  readonly name: string;
  readonly effects: Effects;
  readonly clock: SimulatedClock;
  readonly disk: SimulatedDisk;
  readonly keyring: RecordSeal;
  readonly target: SimulatedTarget;
  readonly journal: MemoryEscrowJournal;
  readonly random: RandomSource;
  readonly strategies: readonly Strategy[];
  readonly shared: boolean;
  readonly log: Logger;
  readonly ignoresHolders: boolean;
}

export function startSimulatedServer(parts: ServerParts): SimulatedServer {
  const { name, effects, clock, disk, keyring, target, random, shared, strategies, log } = parts;
  const driver = new SimulatedDriver(disk, effects, { shared });
  const store = new Store({
    driver,
    keyring,
    monotonic: () => target.time.now,
    now: () => clock.now(),
  });
  const connection = new TargetConnection(target, effects);
  const rotator = simulatedRotator(target, connection, effects, {
    strategies,
    loginWindow: DEFAULT_LOGIN_LIMIT.window,
  });
  const escrow = escrowOf(parts);
  const functions = (access: SecretAccess) => {
    const made = rotationFunctionFrom(rotator, access, { random });
    const found = target.defects.quotesPasswords ? quoting(made, target) : made;
    return () => found;
  };
  const alerts = new Alerts({ store, clock, random, senders: ['webhook'] });
  const attendance = { since: clock.now() };
  const engine = assembleEngine({ store, clock, escrow, random, alerts }, { functions, log, attendance }, name);
  if (parts.ignoresHolders) engine.holders.list = async () => [];
  return { name, effects, clock, connection, store, engine, attendance, work: null, wakesAt: Number.POSITIVE_INFINITY };
}

/** A function that tells what it must not. */
function quoting(made: RotationFunction, { users }: SimulatedTarget): RotationFunction {
  const quoted = (error: unknown) => {
    if (!(error instanceof RotatorError)) throw error;
    throw new RotatorError(error.class, `${error.message} (${users.get('app')?.passwords[0]})`);
  };
  return { ...made, invoke: (event, options) => made.invoke(event, options).catch(quoted) };
}

/** The journal that outlives servers, as one of them reaches it. */
function escrowOf({ journal, effects }: ServerParts): EscrowJournal {
  return {
    append: (entry: EscrowEntry) => effects.escrow(() => journal.append(entry)),
    entries: () => journal.entries(),
  };
}
