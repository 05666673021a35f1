import type { BreachHolder } from '../../store/breach-record.ts';
import { nameOf } from '../holders/holder-state.ts';
import type { Holders } from '../holders/holders.ts';
import type { HoldingHistory } from '../holders/holding-history.ts';
import { holdsOn } from '../holders/retirement-gate.ts';

const MOST_NAMED = 50;
/** Holders named in one report; a secret with more has them in `rekey holders`. */
const MOST = 1_000;

/** Who was seen with which version, now or before. */
export class BreachHolders {
  readonly #holders: Pick<Holders, 'list'>;
  readonly #history: Pick<HoldingHistory, 'list'>;

  constructor(holders: Pick<Holders, 'list'>, history: Pick<HoldingHistory, 'list'>) {
    this.#holders = holders;
    this.#history = history;
  }

  /** Who still holds a version, named for people. */
  async namesWith(secretId: string, versionId: string, now: number): Promise<readonly string[]> {
    const holders = (await this.#holders.list(secretId)).filter((holder) => holdsOn(holder, { versionId, now }));
    const named = holders.slice(0, MOST_NAMED).map(nameOf);
    return holders.length > MOST_NAMED ? [...named, `${holders.length - MOST_NAMED} more`] : named;
  }

  /** Everybody who was seen with one of the versions, last seen first. */
  async of(secretId: string, versionIds: readonly string[]): Promise<readonly BreachHolder[]> {
    const present = (await this.#holders.list(secretId)).map((record) => ({
      ...record,
      firstSeenAt: record.versionSince,
    }));
    const past = await this.#history.list(secretId);
    const wanted = new Set(versionIds);
    const found = new Map<string, BreachHolder>();
    for (const { principal, accessKeyId, address, userAgent, versionId, firstSeenAt, lastSeenAt } of [
      ...present,
      ...past,
    ]) {
      if (!wanted.has(versionId)) continue;
      const key = `${versionId}\n${accessKeyId ?? principal}\n${address}`;
      const known = found.get(key);
      found.set(key, {
        ...{ principal, accessKeyId, address, userAgent, versionId },
        firstSeenAt: Math.min(firstSeenAt, known?.firstSeenAt ?? firstSeenAt),
        lastSeenAt: Math.max(lastSeenAt, known?.lastSeenAt ?? lastSeenAt),
      });
    }
    return [...found.values()].sort((a, b) => b.lastSeenAt - a.lastSeenAt).slice(0, MOST);
  }
}
