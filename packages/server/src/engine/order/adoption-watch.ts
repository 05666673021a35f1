import { nextWindow, type SecretRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import type { Store } from '../../store/store.ts';
import { goneAt, intervalOf, nameOf } from '../holders/holder-state.ts';
import type { Hold } from './hold.ts';

/**
 * How long an adopted secret is watched at most before its first scheduled rotation: what runs once a day has come by.
 * Longer leaves a password old that may have leaked; shorter rotates under holders nobody knows of. Milliseconds.
 */
export const OBSERVATION = 26 * 3_600_000;
/** How soon is looked again whether all holders are known. Milliseconds. */
const PATIENCE = 900_000;
/** Holders read. */
const MOST = 1_000;

/** Holds the first scheduled rotation of an adopted secret back until it is known who uses it. */
export async function heldForHolders(store: Store, secret: SecretRecord, now: number): Promise<Hold | null> {
  if (!isUnrotatedAdoption(secret)) return null;
  const range = { from: `${secret.id}/`, until: `${secret.id}0` };
  const listed = await store.list('holder', { index: 'secret', ...range, descending: true, limit: MOST });
  return holdForHolders(
    secret,
    listed.map(({ record }) => record),
    now,
  );
}

/**
 * Not known is who was never seen, and how often one comes by that was seen once. Pure.
 *
 * @param holders everybody seen with the secret
 */
export function holdForHolders(secret: SecretRecord, holders: readonly HolderRecord[], now: number): Hold | null {
  const { adoptedAt } = secret;
  if (!isUnrotatedAdoption(secret) || adoptedAt == null || now >= adoptedAt + OBSERVATION) return null;
  const here = holders.filter((holder) => goneAt(holder) > now);
  const once = here.filter((holder) => intervalOf(holder) === null);
  if (here.length > 0 && once.length === 0) return null;
  const end = new Date(adoptedAt + OBSERVATION).toISOString();
  const whom = once[0] === undefined ? 'nobody has been seen with it yet' : `${nameOf(once[0])} was seen only once`;
  const sentence = `It was adopted, and its first rotation waits until its holders have been seen twice, at most until ${end}: ${whom}.`;
  return { by: 'holders', until: inWindow(secret, Math.min(now + PATIENCE, adoptedAt + OBSERVATION)), sentence };
}

function isUnrotatedAdoption({ adoptedAt, rotation }: SecretRecord): boolean {
  return adoptedAt != null && rotation !== null && rotation.lastRotatedAt === null;
}

/** Never outside of a window that somebody asked for: where it closes before then, when the next one opens. */
function inWindow({ rotation }: SecretRecord, until: number): number {
  const closesAt = rotation?.postponed?.deadlineAt ?? rotation?.deadlineAt ?? null;
  if (rotation === null || closesAt === null || until <= closesAt) return until;
  const { rule } = rotation;
  if (rule.kind !== 'expression' && (rule.kind !== 'days' || rule.duration === null)) return until;
  let window = nextWindow(rule, closesAt);
  for (let tries = 0; window !== null && window.closesAt < until && tries < MOST; tries += 1)
    window = nextWindow(rule, window.opensAt);
  return Math.max(until, window?.opensAt ?? until);
}
