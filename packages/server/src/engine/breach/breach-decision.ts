import { CURRENT, PENDING, type RotationRecord, type SecretRecord } from '@rekey/core';
import type { BreachCase, BreachOutcome, BreachSource } from '../../store/breach-record.ts';
import { isTemporary } from '../rotation/cause.ts';
import { findLabelled } from '../versions.ts';

/** What is known when a leaked value's case is looked at. */
export interface BreachFacts {
  readonly source: BreachSource;
  /** When the breach was reported: what was promoted before it did not know of it. */
  readonly reportedAt: number;
  /** Null when the secret was removed for good. */
  readonly secret: SecretRecord | null;
  readonly active: RotationRecord | null;
  readonly queued: RotationRecord | null;
  /** Rotations of the secret, newest first. */
  readonly history: readonly RotationRecord[];
  /** The secret's rotation function is there. */
  readonly canRotate: boolean;
  readonly canProbe: boolean;
}

/** What to do next about a secret that holds, or held, a leaked value. */
export type BreachDecision =
  /** Begin a rotation out of turn. */
  | { readonly do: 'begin' }
  /** A rotation at work makes the value go: at once, please. */
  | { readonly do: 'hasten'; readonly rotation: RotationRecord }
  /** The overlap of a rotation ends now; `leaked`: it is the leaked value that it keeps alive. */
  | { readonly do: 'cut'; readonly rotation: RotationRecord; readonly leaked: boolean }
  /** A leftover pending version holds it: its target says whether it ever took it. */
  | { readonly do: 'unstick' }
  /** Try whether the target still accepts it. */
  | { readonly do: 'probe'; readonly versionId: string }
  /** Work is under way. */
  | { readonly do: 'wait'; readonly sentence: string }
  /** Only a person can go on. */
  | { readonly do: 'ask'; readonly sentence: string }
  | {
      readonly do: 'finish';
      readonly outcome: BreachOutcome;
      readonly sentence: string;
      readonly refusedAt: number | null;
    };

/** A case that began so many rotations goes in circles. */
const MOST_ROTATIONS = 5;

/**
 * Decides from where the leaked value stands now, whatever was done before: so a crash, another server or a person
 * changes nothing about how it goes on. In order of danger: it is current; it may become current; it is in its overlap;
 * it is past. Pure.
 */
export function decideBreach(found: BreachCase, facts: BreachFacts): BreachDecision {
  const { secret, active } = facts;
  if (secret === null) return removed(found);
  const leaked = new Set(found.versionIds);
  const current = findLabelled(secret, CURRENT)?.id ?? '';
  const pending = findLabelled(secret, PENDING)?.id ?? '';
  if (leaked.has(current)) return ofCurrent(found, facts, secret, current);
  if (leaked.has(pending)) return ofPending(found, facts, secret, pending);
  const isRetiring = active !== null && active.promotedAt !== null && leaked.has(active.previousVersionId ?? '');
  if (isRetiring) return ofOverlap(active, facts);
  return ofPast(found, facts, secret, leaked);
}

/** One that a rotation for this breach began has the length that was asked for. */
function ofOverlap(active: RotationRecord, { reportedAt }: BreachFacts): BreachDecision {
  if (active.state === 'blocked') return blocked(active);
  if ((active.promotedAt ?? 0) <= reportedAt) return { do: 'cut', rotation: active, leaked: true };
  return { do: 'wait', sentence: active.waitingFor ?? `Rotation ${active.number} retires it.` };
}

function ofCurrent(found: BreachCase, facts: BreachFacts, secret: SecretRecord, current: string): BreachDecision {
  const obstacle = whyNot(found, facts, secret, current);
  return obstacle === null ? replace(found, facts) : { do: 'ask', sentence: obstacle };
}

/** Some rotation has to make a new value: one that does is hurried, one that keeps it waiting is cut short, else one is begun. */
function replace(found: BreachCase, { active, queued }: BreachFacts): BreachDecision {
  const coming = [active, queued].find(
    (record) => record !== null && record.promotedAt === null && !isTemporary(record),
  );
  if (coming == null) return found.rotationIds.length < MOST_ROTATIONS ? { do: 'begin' } : circles(found);
  if (coming.cause !== 'breach' && coming.cause !== 'rollback') return { do: 'hasten', rotation: coming };
  if (coming.state === 'blocked') return blocked(coming);
  if (active !== null && active.id !== coming.id && active.promotedAt !== null)
    return active.state === 'blocked' ? blocked(active) : { do: 'cut', rotation: active, leaked: false };
  return { do: 'hasten', rotation: coming };
}

function whyNot(found: BreachCase, facts: BreachFacts, secret: SecretRecord, current: string): string | null {
  const { name, rotation, deletedAt } = secret;
  if (deletedAt !== null)
    return `${name} is marked for deletion, and its value may still be accepted by its target: restore it, then run rekey breach ${name} again; or revoke the credential by hand.`;
  const last = facts.history.find(({ id }) => found.rotationIds.includes(id));
  if (last?.versionId === current && found.versionIds.includes(last.previousVersionId ?? ''))
    return `${name} was rotated, but the new value still holds what leaked (${found.part}), which its rotation does not replace: revoke that by hand and put a value without it.`;
  if (rotation?.functionArn == null)
    return `${name} has no rotation: revoke the credential where it is accepted and put a new value, or configure a rotation (rekey rotation set ${name}) and it is rotated by itself.`;
  if (!facts.canRotate)
    return `There is no rotation function ${rotation.functionArn} for ${name}: install or name another, and it is rotated by itself.`;
  const isAsked = facts.source === 'name' || facts.source === 'value';
  if (!rotation.enabled && !isAsked)
    return `The rotation of ${name} is switched off: run rekey breach ${name} to rotate it all the same.`;
  return null;
}

/** It is rolled forward like any pending value, since its target may hold it; then it is current, and is replaced. */
function ofPending(
  found: BreachCase,
  { active, queued, canRotate, canProbe }: BreachFacts,
  { name }: SecretRecord,
  pending: string,
): BreachDecision {
  const owner = [active, queued].find((record) => record?.versionId === pending) ?? null;
  if (owner !== null && active !== null && owner.id !== active.id)
    return active.promotedAt !== null
      ? { do: 'cut', rotation: active, leaked: false }
      : { do: 'hasten', rotation: active };
  if (owner !== null) return owner.state === 'blocked' ? blocked(owner) : { do: 'hasten', rotation: owner };
  if (canRotate && canProbe && found.vainLooks < 3) return { do: 'unstick' };
  const sentence = `Version ${pending} of ${name}, which is pending, holds what leaked: take the label pending off it, and revoke it where it may be accepted.`;
  return { do: 'ask', sentence };
}

function ofPast(
  found: BreachCase,
  facts: BreachFacts,
  secret: SecretRecord,
  leaked: ReadonlySet<string>,
): BreachDecision {
  const refusedAt = Math.max(found.refusedAt ?? 0, provenAt(facts.history, leaked));
  if (refusedAt > 0) return dead(found, refusedAt);
  const kept = secret.versions.findLast(({ id, hasValue }) => hasValue && leaked.has(id)) ?? null;
  if (found.acceptedAt !== null) return ofAlive(found, facts, secret, kept?.id ?? null, found.acceptedAt);
  if (kept === null || !facts.canRotate || !facts.canProbe) return replaced(found, facts, kept !== null);
  return { do: 'probe', versionId: kept.id };
}

/** It is not current, and yet a login with it succeeded: a rotation changes the password of its account. */
function ofAlive(
  found: BreachCase,
  facts: BreachFacts,
  secret: SecretRecord,
  kept: string | null,
  acceptedAt: number,
): BreachDecision {
  const obstacle = whyNot(found, facts, secret, '');
  if (obstacle !== null) return { do: 'ask', sentence: obstacle };
  const mine = facts.history.find(
    ({ id, createdAt }) => found.rotationIds.includes(id) && createdAt >= facts.reportedAt,
  );
  if (mine === undefined || (mine.promotedAt === null && mine.endedAt !== null)) return replace(found, facts);
  if (mine.endedAt === null)
    return mine.promotedAt === null ? replace(found, facts) : { do: 'cut', rotation: mine, leaked: true };
  if (kept !== null && mine.endedAt >= acceptedAt) return { do: 'probe', versionId: kept };
  const sentence = `${secret.name} was rotated, and its target still accepts the leaked value: revoke it there by hand.`;
  return { do: 'ask', sentence };
}

/** When the value was last seen refused; 0 if never, or if it was set at the target again since. */
function provenAt(history: readonly RotationRecord[], leaked: ReadonlySet<string>): number {
  const refused = history.flatMap(({ previousVersionId, oldRefusedAt }) =>
    oldRefusedAt !== null && leaked.has(previousVersionId ?? '') ? [oldRefusedAt] : [],
  );
  const latest = Math.max(0, ...refused);
  const setAgain = history.some(({ versionId, setStartedAt }) => leaked.has(versionId) && (setStartedAt ?? 0) > latest);
  return setAgain ? 0 : latest;
}

function dead(found: BreachCase, refusedAt: number): BreachDecision {
  const at = new Date(refusedAt).toISOString();
  const { outcome, how } = endOf(found);
  return { do: 'finish', outcome, refusedAt, sentence: `${how} its target refused the leaked value at ${at}.` };
}

function endOf({ promotedAt, rotationIds }: BreachCase): { readonly outcome: BreachOutcome; readonly how: string } {
  if (promotedAt !== null) return { outcome: 'rotated', how: 'A new value is current;' };
  if (rotationIds.length > 0) return { outcome: 'retired', how: 'It was in its overlap, which was cut short;' };
  return { outcome: 'already-dead', how: 'Nothing had to be rotated:' };
}

function replaced(found: BreachCase, { canRotate }: BreachFacts, isKept: boolean): BreachDecision {
  const why = isKept
    ? canRotate
      ? 'its rotation function cannot look whether the target still accepts it'
      : 'there is no rotation function that could try it'
    : 'it is no longer kept, so that it cannot be tried';
  const outcome = found.promotedAt === null ? 'replaced' : 'rotated';
  const sentence = `The leaked value is not current any more; ${why}. Make sure that its target refuses it.`;
  return { do: 'finish', outcome, refusedAt: null, sentence };
}

function removed({ promotedAt }: BreachCase): BreachDecision {
  const sentence = 'The secret was removed; make sure that its target refuses the leaked value.';
  return { do: 'finish', outcome: promotedAt === null ? 'removed' : 'rotated', refusedAt: null, sentence };
}

function blocked({ number, waitingFor }: RotationRecord): BreachDecision {
  return { do: 'ask', sentence: `Rotation ${number} is blocked: ${waitingFor ?? 'see rekey status.'}` };
}

function circles({ secretName, rotationIds }: BreachCase): BreachDecision {
  return {
    do: 'ask',
    sentence: `${rotationIds.length} rotations of ${secretName} came to nothing: see rekey status ${secretName}, then report the breach again.`,
  };
}
