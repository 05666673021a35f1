import type { FunctionStep, RotationRecord, RotationStep, StepReport } from '@rekey/core';
import type { Entry } from '../../store/store.ts';
import { type Admitted, admit } from '../target/login.ts';
import { PrepaidLogin } from '../target/prepaid-login.ts';
import { findVersion } from '../versions.ts';
import { isTemporary } from './cause.ts';
import { afterFailure, failure, mayRaiseNumber, sentence } from './failure.ts';
import type { HeldSecret } from './held-secrets.ts';
import { recordLater, recordNow } from './outcome-ahead.ts';
import { accountToProve, type Retired, retire } from './retirement.ts';
import type { Ahead, Rotating, Written } from './rotating.ts';
import { ended, intending, type StepFailure, stepDone, stepFailed, waiting } from './rotation-change.ts';
import { numbered } from './rotation-number.ts';
import { end, holdBack, mayEnd } from './stop.ts';
import { ask, isCurrentChanged, type Work } from './work.ts';

const FUNCTION_STEPS: Readonly<Record<'create' | 'set' | 'test' | 'finish', FunctionStep>> = {
  create: 'createSecret',
  set: 'setSecret',
  test: 'testSecret',
  finish: 'finishSecret',
};

/** Tries a step: the intention on record first, then the act, then what came of it. */
export async function tryStep(work: Work, step: RotationStep, underway: boolean): Promise<Written> {
  const { entry, held, parts } = work;
  const admission = await admit(work, step);
  if ('heldBackUntil' in admission)
    return entry.ahead === undefined ? holdBack(work, admission) : recordNow(parts.journal, entry, held);
  const alreadyMeant = underway && entry.record.doing?.step === step;
  const at = { ...work, entry: alreadyMeant ? entry : await intend(work, step) };
  if (step === 'revoke') return recordRetirement(at, await retire(at, at.entry, admission), 'revoke-outcome');
  held.made = null;
  const invoked = await invoke(at, step);
  if (step === 'finish') return finished(at, 'failure' in invoked ? invoked.failure : null);
  if ('failure' in invoked) {
    await admission.settle(invoked);
    return fail(at, step, invoked.failure);
  }
  if (step === 'create' && !(await hasValue(at)))
    return fail(at, step, failure('bug', `${work.rotationFunction.name} made no value`));
  return recordStep(at, step, { report: invoked.answer, admission });
}

/** The login that proves an old value dead comes with its revocation. */
async function intend(work: Work, step: RotationStep): Promise<Entry<RotationRecord>> {
  const { entry, held, parts } = work;
  const intention = intending(entry.record, step, parts.clock.now());
  const account = step === 'revoke' ? await accountToProve(work) : null;
  const prepaid = new PrepaidLogin(parts.budget, account);
  const intended = await parts.journal.write(`${step}-intent`, entry, intention, held, () => prepaid.writes());
  prepaid.committed(held);
  return intended;
}

/** What came of a step, of its logins, and (see {@link afterStep}) that the next one is meant, with its login. */
async function recordStep(
  { entry, held, parts, rotationFunction }: Work,
  step: 'create' | 'set' | 'test',
  { report, admission }: { readonly report: StepReport; readonly admission: Admitted },
): Promise<Rotating> {
  const after = afterStep(entry.record, step, report, parts.clock.now());
  // The value is in the store or in the escrow journal, and no target has heard of it.
  if (step === 'create') return recordLater(entry, after, held, madeBy(held));
  // What was tested is tested again after a crash. Until then *current* may be refused: promotion waits for nothing.
  if (step === 'test' && rotationFunction.inProcess && after.doing?.step === 'finish')
    return recordLater(entry, after, held, { points: ['test-outcome'], further: () => admission.settling() });
  const prepaid = new PrepaidLogin(parts.budget, step === 'set' ? (admission.account ?? null) : null);
  const further = async () => [...(await admission.settling()), ...(await prepaid.writes())];
  const written = await parts.journal.write(`${step}-outcome`, entry, after, held, further);
  prepaid.committed(held);
  return written;
}

function madeBy({ made }: HeldSecret): Omit<Ahead, 'of'> {
  return made === null ? { points: ['create-outcome'] } : { points: ['value', 'create-outcome'], value: made };
}

function invoke(work: Work, step: 'create' | 'set' | 'test' | 'finish') {
  const { entry, rotationFunction, secret } = work;
  const { versionId, number } = entry.record;
  const event = { Step: FUNCTION_STEPS[step], SecretId: secret.arn, ClientRequestToken: versionId };
  return ask(work, event.Step, (signal) => rotationFunction.invoke(event, { fence: number, signal }));
}

async function hasValue({ parts, entry, held }: Work): Promise<boolean> {
  if (held.made !== null) return true;
  const secret = await parts.store.get('secret', entry.record.secretId);
  return secret !== null && (findVersion(secret.record, entry.record.versionId)?.hasValue ?? false);
}

/** Whatever the function says of it: the record tells whether labels have moved, as they move together. */
async function finished(work: Work, failed: StepFailure | null): Promise<Written> {
  const latest = await work.parts.store.get('rotation', work.entry.id);
  if (latest === null || latest.record.promotedAt !== null) return latest;
  const entry = work.entry.ahead === undefined ? latest : await recordNow(work.parts.journal, work.entry, work.held);
  if (isCurrentChanged(work.held.trouble)) return entry;
  const said = failed ?? failure('bug', `${work.rotationFunction.name} did not move current to the new version`);
  return fail({ ...work, entry }, 'finish', said);
}

/** What a failed step leads to: another attempt, a higher number, an end or a block. */
export async function fail(work: Work, step: RotationStep, failed: StepFailure): Promise<Written> {
  const { entry, held, parts, rotationFunction } = work;
  const now = parts.clock.now();
  if (entry.record.cause === 'adopt') {
    const over = ended(stepFailed(entry.record, failed, now), 'rolled-back', now, sentence(failed));
    return end(parts, entry, work.secret, over, held);
  }
  if (mayRaiseNumber(entry.record, step, failed)) return raiseNumber(work, failed);
  const canProbe = rotationFunction.probe !== undefined;
  const after = afterFailure(entry.record, step, failed, { now, canProbe });
  if (after.state === 'blocked' && mayEnd(after))
    return end(parts, entry, work.secret, ended(after, 'rolled-back', now, after.waitingFor), held);
  return parts.journal.write('failure', entry, after, held);
}

/** A store restored from a backup numbers from yesterday; the target remembers today's. Under the claim, ours goes above. */
function raiseNumber({ entry, held, parts }: Work, failed: StepFailure): Promise<Written> {
  const now = parts.clock.now();
  return parts.journal.writeWithSecret(
    'higher-number',
    entry,
    (secret) => {
      const number = Math.max(secret.rotation?.number ?? 0, failed.observedFence ?? 0) + 1;
      const tried = stepFailed(entry.record, failed, now);
      return { secret: numbered(secret, number), record: waiting({ ...tried, number }, now, sentence(failed)) };
    },
    held,
  );
}

export async function recordRetirement(
  work: Work,
  retired: Retired,
  point: 'settlement' | 'revoke-outcome',
): Promise<Written> {
  const { entry, held, parts, secret } = work;
  if ('heldBackUntil' in retired) return holdBack(work, retired);
  if ('failure' in retired) return fail(work, 'revoke', retired.failure);
  if (retired.record.state === 'done') return end(parts, entry, secret, retired.record, held, retired.told);
  // What was promoted is settled again after a crash: that is asked of nobody but ourselves.
  if (point === 'settlement') return recordLater(entry, retired.record, held, { points: [point] });
  return parts.journal.write(point, entry, retired.record, held);
}

/** Set, test and finish follow each other without a pause: the intention to go on is recorded with the outcome. */
function afterStep(
  record: RotationRecord,
  step: 'create' | 'set' | 'test',
  report: StepReport,
  now: number,
): RotationRecord {
  if (step === 'create') return stepDone(record, 'created', report, now);
  if (step === 'set') return intending(stepDone(record, 'set', report, now), 'test', now);
  const tested = stepDone(record, 'tested', report, now);
  return isTemporary(record) ? tested : intending(tested, 'finish', now);
}
