import type { RandomSource } from '@rekey/core';
import type { BreachSettings } from '../../store/breach-record.ts';
import type { Holders } from '../holders/holders.ts';
import type { HoldingHistory } from '../holders/holding-history.ts';
import { BreachHolders } from './breach-holders.ts';
import { BreachWork, type BreachWorkParts } from './breach-work.ts';
import { Breaches } from './breaches.ts';
import { FingerprintIndex } from './fingerprint-index.ts';

/** What is done about a breach where nobody says otherwise. */
export const DEFAULT_BREACH_SETTINGS: BreachSettings = { overlap: 60_000, endSessions: true };

export interface BreachEngineParts extends Omit<BreachWorkParts, 'fingerprints' | 'breachHolders'> {
  readonly random: RandomSource;
  readonly holders: Pick<Holders, 'list'>;
  readonly holdings: Pick<HoldingHistory, 'list'>;
  readonly breachSettings: BreachSettings;
}

/** Everything about breaches: how a leaked value is found, reported, and worked on. */
export interface BreachEngine {
  readonly breaches: Breaches;
  readonly fingerprints: FingerprintIndex;
  readonly work: BreachWork;
}

export function createBreachEngine(parts: BreachEngineParts): BreachEngine {
  const { store, clock, random, holders, holdings, breachSettings: settings } = parts;
  const fingerprints = new FingerprintIndex({ store, clock });
  const breachHolders = new BreachHolders(holders, holdings);
  const work = new BreachWork({ ...parts, fingerprints, breachHolders });
  const onReported = () => work.wake();
  const breaches = new Breaches({ store, clock, random, holders: breachHolders, settings, onReported });
  return { breaches, fingerprints, work };
}
