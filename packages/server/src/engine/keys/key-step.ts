import type { KeyServer } from './key-servers.ts';

/** What is known when the next step of a rotation of keys is chosen. */
export interface KeyFacts {
  readonly now: number;
  /** All DEKs of the keyring, oldest first. */
  readonly dataKeys: readonly { readonly id: number; readonly madeAt: number }[];
  readonly activeId: number;
  /** Revision of the keyring in the store. */
  readonly keyringRevision: number;
  /** The DEK for which a walk through all records found nothing that an older one sealed; null: none yet. */
  readonly sealedUnder: number | null;
  /** Whether another KEK is to take over. */
  readonly rewrapping: boolean;
  readonly servers: readonly KeyServer[];
}

export type KeyStep =
  /** Nothing to be done. */
  | { readonly kind: 'none' }
  /** Records are sealed with the new DEK from now on. */
  | { readonly kind: 'activate' }
  /** Go through all records and seal anew what an older DEK sealed. */
  | { readonly kind: 'seal' }
  /** Nothing needs the older DEKs. */
  | { readonly kind: 'drop' }
  | { readonly kind: 'wait'; readonly for: string };

/**
 * How long servers are waited for that have not taken a new DEK: they would have to ask their KEK before they can read
 * what is sealed with it. Whoever is silent for so long is off, and asks when it starts. Milliseconds.
 */
export const SERVER_PATIENCE = 60_000;

/**
 * The whole state of a rotation of keys is in the keyring and in what servers say of themselves, so that any server goes
 * on with it after any crash: a DEK that is newer than the active one has to be activated, one that is older to be
 * dropped. Pure.
 */
export function nextKeyStep(facts: KeyFacts): KeyStep {
  const { dataKeys, activeId, sealedUnder, rewrapping } = facts;
  const newest = dataKeys.at(-1);
  if (newest === undefined) return { kind: 'none' };
  if (newest.id > activeId) return beforeActivation(facts, newest.madeAt);
  if (dataKeys.length === 1) return { kind: 'none' };
  if (sealedUnder !== activeId) return { kind: 'seal' };
  const behind = facts.servers.filter(({ journalKey }) => journalKey !== activeId);
  if (behind.length > 0)
    return waitFor(behind, 'its escrow journal anew; `rekey keys forget` if it will not come back');
  if (rewrapping) return { kind: 'wait', for: 'the hand-over to another seal to be finished or cancelled' };
  return { kind: 'drop' };
}

function beforeActivation({ now, keyringRevision, servers, rewrapping }: KeyFacts, madeAt: number): KeyStep {
  if (rewrapping) return { kind: 'wait', for: 'the hand-over to another seal to be finished or cancelled' };
  const behind = servers.filter((server) => server.keyringRevision < keyringRevision);
  if (behind.length === 0 || now - madeAt >= SERVER_PATIENCE) return { kind: 'activate' };
  return waitFor(behind, 'to have the new key');
}

function waitFor(servers: readonly KeyServer[], what: string): KeyStep {
  const names = servers.map(({ id }) => id).join(', ');
  const whom = servers.length === 1 ? `server ${names}` : `servers ${names}`;
  return { kind: 'wait', for: `${whom} ${what.startsWith('to ') ? '' : 'to seal '}${what}` };
}
