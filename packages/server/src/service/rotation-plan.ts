import { CURRENT, PENDING, type RotationRecord, type RotationSettings, type SecretRecord } from '@rekey/core';
import { type HolderView, holderView } from '../engine/holders/holder-view.ts';
import type { Hold } from '../engine/order/hold.ts';
import { queueSentence } from '../engine/rotation/rotation.ts';
import { inSwitchWindow } from '../engine/rotation/rotation-change.ts';
import { findLabelled } from '../engine/versions.ts';
import type { HolderRecord } from '../store/collections.ts';
import type { Adoption } from './adoption.ts';

/** What a rotation would do if it were begun now. */
export interface PlannedRotation extends Adoption {
  readonly name: string;
  readonly functionArn: string;
  readonly settings: RotationSettings;
  /** No target knows its values: nothing refuses an old one, at any time. */
  readonly withoutTarget: boolean;
  /** Who was seen with the current version and is not gone: its retirement waits for them. */
  readonly holders: readonly HolderView[];
  /** Why it would not begin at once, or would go on with something that is there; empty when nothing is in the way. */
  readonly inTheWay: readonly string[];
}

export interface PlanFacts {
  readonly quarantined: boolean;
  readonly active: RotationRecord | null;
  readonly queued: RotationRecord | null;
  readonly hold: Hold | null;
}

/** Holders of the value that would become the old one. Pure. */
export function heldBy(secret: SecretRecord, holders: readonly HolderRecord[], now: number): readonly HolderView[] {
  const current = findLabelled(secret, CURRENT)?.id ?? null;
  return holders.map((holder) => holderView(holder, current, now)).filter(({ state }) => state === 'current');
}

/** What a request to rotate would meet, each in one sentence. Pure. */
export function inTheWay(secret: SecretRecord, { quarantined, active, queued, hold }: PlanFacts): readonly string[] {
  const pending = findLabelled(secret, PENDING);
  const isLeftover = pending !== null && pending.id !== active?.versionId && pending.id !== queued?.versionId;
  return [
    ...(quarantined
      ? ['The store is in quarantine after a restore: nothing rotates until `rekey quarantine end`.']
      : []),
    ...(hold === null ? [] : [hold.sentence]),
    ...(active === null ? [] : [atWork(active)]),
    ...(queued === null ? [] : [`Rotation ${queued.number} waits for its turn: it would be joined.`]),
    ...(isLeftover && !pending.labels.includes(CURRENT)
      ? [
          `Version ${pending.id} was left pending: the rotation would go on with it (see \`rekey unstick ${secret.name}\`).`,
        ]
      : []),
  ];
}

function atWork(active: RotationRecord): string {
  if (active.promotedAt !== null) return `It would be queued. ${queueSentence(active)}`;
  if (active.state !== 'blocked') return `Rotation ${active.number} is at work: it would be joined.`;
  const lockedOut = inSwitchWindow(active) ? ' Its target may hold the new value already.' : '';
  return `Rotation ${active.number} is blocked and would be tried again: ${active.waitingFor ?? 'see its status.'}${lockedOut}`;
}
