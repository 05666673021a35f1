import { isIPv6 } from 'node:net';
import { type Clock, type Logger, messageOf, silentLogger, systemClock } from '@rekey/core';
import type { AuditEntry, AuditLog } from './entry.ts';
import { FLOOD, ownEntry } from './own-entries.ts';

export interface FloodLimits {
  /** Failures of one address in one minute that are written one by one; more are only counted. */
  readonly perAddress: number;
  /** The same for all addresses together: an attacker can have many. */
  readonly together: number;
  /** Addresses counted apart in one minute; those beyond share one count. */
  readonly addresses: number;
}

/** Enough to see what is tried, little enough that nobody without a key can fill the disk (some 100 MB a day at most). */
const LIMITS: FloodLimits = { perAddress: 10, together: 100, addresses: 1000 };
const MINUTE = 60_000;
const OTHERS = 'other addresses';

/** Failures of one source in the running minute. */
interface Count {
  written: number;
  unwritten: number;
}

/**
 * In front of the audit log: failures of callers who proved to be nobody are written one by one only at first, then
 * counted per address (IPv6: per /64) and minute, and written as one entry when the minute is over. Everything else
 * passes through. A crash loses the counts of its minute, never an entry of a proven caller.
 */
export class FloodGuard implements AuditLog {
  readonly #inner: AuditLog;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #limits: FloodLimits;
  readonly #stopping = new AbortController();
  #counts = new Map<string, Count>();
  #written = 0;
  #minute: Promise<void> | null = null;

  constructor(inner: AuditLog, options: { clock?: Clock; log?: Logger; limits?: FloodLimits } = {}) {
    this.#inner = inner;
    this.#clock = options.clock ?? systemClock;
    this.#log = options.log ?? silentLogger;
    this.#limits = options.limits ?? LIMITS;
  }

  append(entry: AuditEntry): Promise<void> {
    if (!isUnprovenFailure(entry) || this.#isToBeWritten(entry)) return this.#inner.append(entry);
    return Promise.resolve();
  }

  /** Writes what was counted; the inner log stays open. */
  async close(): Promise<void> {
    this.#stopping.abort();
    await this.#minute;
    await this.#writeCounts();
  }

  #isToBeWritten(entry: AuditEntry): boolean {
    this.#minute ??= this.#passMinute();
    const count = this.#countOf(sourceOf(entry.address));
    if (count.written >= this.#limits.perAddress || this.#written >= this.#limits.together) {
      count.unwritten++;
      return false;
    }
    count.written++;
    this.#written++;
    return true;
  }

  #countOf(source: string): Count {
    const known = this.#counts.get(source);
    if (known !== undefined) return known;
    if (this.#counts.size > this.#limits.addresses && source !== OTHERS) return this.#countOf(OTHERS);
    const count = { written: 0, unwritten: 0 };
    this.#counts.set(source, count);
    return count;
  }

  async #passMinute(): Promise<void> {
    await this.#clock.sleep(MINUTE, this.#stopping.signal);
    if (this.#stopping.signal.aborted) return;
    this.#minute = null;
    await this.#writeCounts();
  }

  async #writeCounts(): Promise<void> {
    const counts = this.#counts;
    this.#counts = new Map();
    this.#written = 0;
    await Promise.all(Array.from(counts, ([source, count]) => this.#writeCount(source, count.unwritten)));
  }

  /** What cannot be written now is carried over to the next minute. */
  async #writeCount(source: string, unwritten: number): Promise<void> {
    if (unwritten === 0) return;
    const detail = `${unwritten} more requests without valid credentials were refused within a minute.`;
    try {
      await this.#inner.append(ownEntry(this.#clock.now(), FLOOD, detail, source));
    } catch (error) {
      this.#log.error(
        { address: source, requests: unwritten },
        `A count of refused requests waits: ${messageOf(error)}`,
      );
      this.#countOf(source).unwritten += unwritten;
    }
  }
}

function isUnprovenFailure(entry: AuditEntry): boolean {
  return entry.kind === 'request' && entry.principal === 'anonymous' && entry.outcome !== 'allowed';
}

/** An IPv6 caller owns at least a /64 and can come from a fresh address each time. */
function sourceOf(address: string | null): string {
  if (address === null) return 'unknown';
  if (!isIPv6(address)) return address;
  const [front = '', back] = address.split('::');
  const groups = front === '' ? [] : front.split(':');
  const rest = back === undefined || back === '' ? [] : back.split(':');
  const filled =
    back === undefined ? groups : [...groups, ...Array(8 - groups.length - rest.length).fill('0'), ...rest];
  return `${filled.slice(0, 4).join(':')}::/64`;
}
