import { CURRENT, type RotationFunction, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { type Hold, heldPhase } from '../order/hold.ts';
import { findLabelled } from '../versions.ts';
import type { Abilities, Decision } from './decision.ts';
import type { HeldSecret } from './held-secrets.ts';
import { isRetirementAsked, lookAtRetirement } from './retirement-facts.ts';
import { next } from './rotation.ts';
import { ENDED } from './rotation-change.ts';
import type { RunnerParts } from './work.ts';

/** Gathers the facts of a rotation and decides what to do next. */
export async function decide(
  parts: RunnerParts,
  held: HeldSecret,
  entry: Entry<RotationRecord>,
  secret: SecretRecord | null,
  rotationFunction: RotationFunction | null,
): Promise<Decision> {
  const { record } = entry;
  const aheadId = aheadOf(record, secret);
  const before = aheadId === null ? null : await findOpen(parts, aheadId);
  const phase = secret === null ? null : heldPhase(record);
  const hold = secret === null || phase === null ? null : await holdOf(parts, record, secret, phase);
  const facts = { now: parts.clock.now(), secret, ahead: before, hold };
  if (rotationFunction !== null && secret !== null) {
    const abilities = abilitiesOf(rotationFunction);
    const targetProven = record.state !== 'due' || (await isProven(parts, rotationFunction, secret));
    const retirement = isRetirementAsked(record, facts.now)
      ? await lookAtRetirement({ parts, held, rotationFunction, secret, entry })
      : null;
    return next(record, { ...facts, abilities, targetProven, retirement });
  }
  const decision = next(record, { ...facts, abilities: NO_ABILITIES, targetProven: true });
  if (STANDS_ALONE.has(decision.do)) return decision;
  const why = `There is no rotation function ${record.functionArn}: install or name another, then rotate again.`;
  // What has ended waits for its function to come back.
  if (decision.do === 'revoke-leftover') return { do: 'wait', until: facts.now + 3_600_000, why };
  return { do: 'block', why };
}

function holdOf(
  { holds, clock }: RunnerParts,
  record: RotationRecord,
  secret: SecretRecord,
  phase: 'begin' | 'retirement',
): Promise<Hold | null> {
  const question = { now: clock.now(), rotation: record };
  return phase === 'begin' ? holds.onBegin(secret, question) : holds.onRetirement(secret, question);
}

/** Id of the rotation whose overlap this one waits for. */
function aheadOf({ id }: RotationRecord, secret: SecretRecord | null): string | null {
  const activeId = secret?.rotation?.activeRotationId ?? null;
  return activeId === id ? null : activeId;
}

async function findOpen({ store }: RunnerParts, rotationId: string): Promise<RotationRecord | null> {
  const active = (await store.get('rotation', rotationId))?.record ?? null;
  return active === null || ENDED.has(active.state) ? null : active;
}

/** A target that cannot be told (a malformed value, say) is not proven: proving it says what is wrong. */
async function isProven(
  parts: RunnerParts,
  rotationFunction: RotationFunction,
  secret: SecretRecord,
): Promise<boolean> {
  if (findLabelled(secret, CURRENT) === null) return true;
  return parts.proofs.isProven(rotationFunction, secret.arn).catch(() => false);
}

/** What can be done without a function or a secret. */
const STANDS_ALONE: ReadonlySet<Decision['do']> = new Set(['stop', 'wait', 'end', 'forget-leftover']);

const NO_ABILITIES: Abilities = { probe: false, probeDecoy: false, revoke: false };

function abilitiesOf({ probe, probeDecoy, revoke }: RotationFunction): Abilities {
  return { probe: probe !== undefined, probeDecoy: probeDecoy !== undefined, revoke: revoke !== undefined };
}
