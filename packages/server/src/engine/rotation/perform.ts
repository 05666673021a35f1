import { CURRENT, type RotationRecord, type StepReport } from '@rekey/core';
import { crossing } from '../boundary.ts';
import { probeWithinBudget } from '../target/login.ts';
import { fillVersion, findLabelled } from '../versions.ts';
import type { Decision, Doubt } from './decision.ts';
import { resolved } from './doubt.ts';
import { lookInto } from './doubt-resolver.ts';
import { failure } from './failure.ts';
import { forgetLeftover, revokeLeftover } from './leftover.ts';
import { emptyVersion } from './pending-version.ts';
import { promotion, valueWrite } from './promotion.ts';
import { settle } from './retirement.ts';
import { forItsAccount } from './rollback-account.ts';
import type { Written } from './rotating.ts';
import { inState, intending, stepDone, untold } from './rotation-change.ts';
import { numbered } from './rotation-number.ts';
import { fail, recordRetirement, tryStep } from './step.ts';
import { block, end, endedBy, holdBack } from './stop.ts';
import { ask, type Work } from './work.ts';

/** Does what was decided. */
export async function perform(work: Work, decision: Decision, underway: boolean): Promise<Written> {
  const { entry, held, parts, secret } = work;
  const now = parts.clock.now();
  switch (decision.do) {
    case 'step':
      return tryStep(work, decision.step, underway);
    case 'prove-target':
      return proveTarget(work);
    case 'copy-current':
      return copyCurrent(work);
    case 'rebase':
      return parts.journal.write(
        'recovery',
        entry,
        { ...entry.record, previousVersionId: decision.currentVersionId },
        held,
      );
    case 'advance': {
      const report: StepReport = { findings: [], strategy: null };
      const advanced = stepDone(await forItsAccount(work), decision.to, report, now, decision.why);
      return parts.journal.write('recovery', entry, advanced, held);
    }
    case 'test-again':
      return parts.journal.write('recovery', entry, intending(inState(entry.record, 'set', now), 'test', now), held);
    case 'resolve':
      return resolve(work, decision.doubt);
    case 'accept-promotion':
      return parts.journal.writeWithSecret('promotion', entry, (latest) => promotion(entry.record, latest, now), held);
    case 'leave-behind':
      return parts.journal.write('wait', entry, { ...entry.record, leftBehind: decision.holders }, held);
    case 'settle':
      return recordRetirement(work, await settle(work), 'settlement');
    case 'revoke-leftover':
      return revokeLeftover(work);
    case 'forget-leftover':
      return forgetLeftover(work);
    case 'end':
      return end(parts, entry, secret, endedBy(entry.record, decision, now), held);
    case 'block':
      return block(parts, entry, secret, decision.why, held);
    case 'wait':
    case 'stop':
      return null;
  }
}

async function resolve(work: Work, doubt: Doubt): Promise<Written> {
  const { entry, held, parts } = work;
  const found = await lookInto(work);
  if ('heldBackUntil' in found) return holdBack(work, found);
  const after = resolved(entry.record, doubt, found, parts.clock.now());
  if (after === null) return discardValue(work);
  if (doubt === 'set-cut-short' && after.state === 'created' && after.doing === null) return overtake(work, after);
  return parts.journal.write('recovery', entry, after, held);
}

/**
 * The value is set again under a higher number: the attempt of which nothing was heard may still be on its way, or with a
 * server that was paused, and would undo what somebody did by hand when the rotation is long over.
 */
function overtake({ entry, held, parts }: Work, record: RotationRecord): Promise<Written> {
  return parts.journal.writeWithSecret(
    'recovery',
    entry,
    (secret) => {
      const number = Math.max(secret.rotation?.number ?? 0, record.number) + 1;
      return { secret: numbered(secret, number), record: { ...record, number } };
    },
    held,
  );
}

/** A higher number goes with it, so that nobody who was paused can still set the value that is given up. */
function discardValue({ entry, held, parts }: Work): Promise<Written> {
  const now = parts.clock.now();
  const { record } = entry;
  return parts.journal.writeWithSecret(
    'fresh-value',
    entry,
    (secret) => {
      const number = (secret.rotation?.number ?? record.number) + 1;
      return {
        secret: numbered(emptyVersion(secret, record.versionId, now), number),
        record: { ...untold(record, now), number },
        writes: [valueWrite(secret.id, record.versionId)],
      };
    },
    held,
  );
}

async function proveTarget(work: Work): Promise<Written> {
  const { entry, held, parts, rotationFunction, secret } = work;
  const versionId = findLabelled(secret, CURRENT)?.id ?? entry.record.versionId;
  const tried = await probeWithinBudget(work, { what: 'probeDecoy', versionId }, (signal) =>
    parts.proofs.try(rotationFunction, secret.arn, signal),
  );
  if ('heldBackUntil' in tried) return holdBack(work, tried);
  if ('failure' in tried) return fail(work, 'create', tried.failure);
  const { outcome, reason } = tried.answer;
  if (outcome === 'refused') return provenBy(work);
  if (outcome === 'accepted') {
    const why = `The target does not check passwords (${reason}): a random one was accepted, so that no login proves anything. Make it check them, then rotate again.`;
    return block(parts, entry, secret, why, held);
  }
  return fail(
    work,
    'create',
    failure('unreachable', `Could not look whether the target checks passwords (${outcome}: ${reason})`),
  );
}

async function provenBy(work: Work): Promise<Written> {
  const { parts, rotationFunction, secret } = work;
  const remembered = await ask(work, 'target', () =>
    crossing(parts.boundary, 'target-proof', () =>
      parts.proofs.remember(rotationFunction, secret.arn, parts.clock.now()),
    ),
  );
  return 'failure' in remembered ? fail(work, 'create', remembered.failure) : null;
}

/** A verification or repair is about what is current now, not what was when somebody asked. */
async function copyCurrent(work: Work): Promise<Written> {
  const { entry, held, parts } = work;
  const { secretId, versionId, previousVersionId } = entry.record;
  const value = previousVersionId === null ? null : await parts.store.getValue(secretId, previousVersionId);
  if (value === null) return fail(work, 'test', failure('rejected-form', 'The secret has no current value to test'));
  const now = parts.clock.now();
  return parts.journal.writeWithSecret(
    'value',
    entry,
    (secret) => ({
      secret: fillVersion(secret, versionId, [], now),
      record: inState(entry.record, entry.record.cause === 'adopt' ? 'set' : 'created', now),
      writes: [{ collection: 'value', id: `${secretId}/${versionId}`, record: value }],
    }),
    held,
  );
}
