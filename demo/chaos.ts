import { setTimeout as delay } from 'node:timers/promises';
import type { RandomSource } from '@rekey/core';
import type { CuttableProxy } from '../scripts/test-services/cuttable-proxy.ts';
import type { RekeyServer } from './rekey-server.ts';

/** Milliseconds of peace between two mishaps, and for how long one lasts: shorter than what a rotation takes, and longer. */
const PEACE = { from: 1_000, to: 4_000 } as const;
const TROUBLE = { from: 200, to: 2_000 } as const;

/** How often each thing went wrong. */
export interface Mishaps {
  serverKilled: number;
  serverPaused: number;
  networkCut: number;
  networkSilent: number;
}

interface Mishap {
  readonly kind: keyof Mishaps;
  readonly sentence: string;
  begin(): Promise<void> | void;
  end(): Promise<void> | void;
}

export interface ChaosParts {
  readonly server: Pick<RekeyServer, 'kill' | 'restart' | 'pause' | 'resume'>;
  /** rekey's road to PostgreSQL; the application has its own, which stays open. */
  readonly road: Pick<CuttableProxy, 'cut' | 'fallSilent' | 'mend'>;
  readonly random: RandomSource;
  tell(line: string): void;
}

/** Breaks things one after the other, at random, and mends each before it breaks the next. */
export class Chaos {
  readonly mishaps: Mishaps = { serverKilled: 0, serverPaused: 0, networkCut: 0, networkSilent: 0 };
  readonly #parts: ChaosParts;

  constructor(parts: ChaosParts) {
    this.#parts = parts;
  }

  /** Until the signal aborts; everything is mended when it resolves. */
  async run(signal: AbortSignal): Promise<void> {
    const mishaps = mishapsOf(this.#parts);
    for (;;) {
      await this.#wait(PEACE, signal);
      if (signal.aborted) return;
      const mishap = mishaps[this.#parts.random.below(mishaps.length)]!;
      this.#parts.tell(mishap.sentence);
      this.mishaps[mishap.kind] += 1;
      await mishap.begin();
      await this.#wait(TROUBLE, signal);
      await mishap.end();
    }
  }

  async #wait({ from, to }: { readonly from: number; readonly to: number }, signal: AbortSignal): Promise<void> {
    await delay(from + this.#parts.random.below(to - from), undefined, { signal }).catch(() => {});
  }
}

function mishapsOf({ server, road }: ChaosParts): readonly Mishap[] {
  return [
    {
      kind: 'serverKilled',
      sentence: 'chaos: the rekey server is killed (SIGKILL)',
      begin: () => server.kill(),
      end: () => server.restart(),
    },
    {
      kind: 'serverPaused',
      sentence: 'chaos: the rekey server is paused (SIGSTOP)',
      begin: () => server.pause(),
      end: () => server.resume(),
    },
    {
      kind: 'networkCut',
      sentence: 'chaos: the network between rekey and PostgreSQL is cut',
      begin: () => road.cut(),
      end: () => road.mend(),
    },
    {
      kind: 'networkSilent',
      sentence: 'chaos: the network between rekey and PostgreSQL falls silent',
      begin: () => road.fallSilent(),
      end: () => road.mend(),
    },
  ];
}

/** How many there were in all. */
export function countMishaps(mishaps: Mishaps): number {
  return Object.values(mishaps).reduce((sum: number, each: number) => sum + each, 0);
}
