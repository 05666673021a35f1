import { setTimeout as delay } from 'node:timers/promises';
import type pg from 'pg';
import { withinPatience } from './connections.ts';

export interface ListenerOptions {
  /** A client that is not connected yet. */
  readonly connect: () => pg.Client;
  readonly channel: string;
  readonly onRevision: (revision: number) => void;
  /** Reads how far the store is: what was committed while nobody listened. */
  readonly catchUp: () => Promise<unknown>;
}

/** Milliseconds until a lost connection is tried anew, and the most of it: a database that restarts is not to be stormed. */
const FIRST_PAUSE = 50;
const LONGEST_PAUSE = 2_000;
/** Milliseconds between two questions to a silent connection, which may be dead without knowing. */
const PULSE = 3_000;

/** Hears NOTIFY on a connection of its own, for as long as it takes: what is lost is connected again and caught up on. */
export class Listener {
  readonly #options: ListenerOptions;
  readonly #stopped = new AbortController();
  readonly #loop: Promise<void>;

  constructor(options: ListenerOptions) {
    this.#options = options;
    this.#loop = this.#keepListening();
  }

  async stop(): Promise<void> {
    this.#stopped.abort();
    await this.#loop;
  }

  async #keepListening(): Promise<void> {
    let pause = FIRST_PAUSE;
    while (!this.#stopped.signal.aborted) {
      const heard = await this.#listen();
      pause = heard ? FIRST_PAUSE : Math.min(pause * 2, LONGEST_PAUSE);
      await this.#sleep(pause);
    }
  }

  /** Until the connection is lost; whether it ever stood. Its failures are told by whoever reads or writes meanwhile. */
  async #listen(): Promise<boolean> {
    const { connect, channel, onRevision, catchUp } = this.#options;
    const client = connect();
    const lost = new AbortController();
    client.on('error', () => lost.abort());
    client.on('end', () => lost.abort());
    client.on('notification', ({ payload }) => onRevision(Number(payload)));
    let stood = false;
    try {
      await client.connect();
      await client.query(`LISTEN "${channel}"`);
      stood = true;
      await catchUp();
      while (await this.#sleep(PULSE, lost.signal)) await client.query('SELECT 1');
    } catch {
    } finally {
      await withinPatience(client.end());
    }
    return stood;
  }

  /** False once stopped or lost. */
  async #sleep(milliseconds: number, lost?: AbortSignal): Promise<boolean> {
    const signals = [this.#stopped.signal, ...(lost === undefined ? [] : [lost])];
    const signal = AbortSignal.any(signals);
    return delay(milliseconds, true, { signal, ref: false }).catch(() => false);
  }
}
