import { CURRENT, type Ended, type Finding, type ProbeResult, type RotationRecord, type StepReport } from '@rekey/core';
import { partsOf, WHOLE } from '../../store/fingerprint-parts.ts';
import type { Entry } from '../../store/store.ts';
import { crossing } from '../boundary.ts';
import { type Admitted, accountsAt, admit, type HeldBack, type Looked, lookWithinBudget } from '../target/login.ts';
import { findLabelled } from '../versions.ts';
import { failure } from './failure.ts';
import type { Further } from './rotating.ts';
import { ended, inState, intending, type StepFailure, stepDone, waiting } from './rotation-change.ts';
import { type Answer, ask, type Work } from './work.ts';

/**
 * What retirement came to: the record to write (and what a login for it came to), a failure of the step `revoke`, or a
 * proof that must wait.
 */
export type Retired =
  | { readonly record: RotationRecord; readonly told?: Further }
  | { readonly failure: StepFailure }
  | HeldBack;

/** What revoke had to say, and which sessions it ended. */
type Revoked = StepReport & Partial<Ended>;

const NOTHING: Revoked = { findings: [], strategy: null };

/**
 * After promotion: where the old value lives on beside the new one the overlap begins; where it was replaced (one
 * password), or cannot be revoked, there is only the proof left.
 */
export async function settle(work: Work): Promise<Retired> {
  const record = work.entry.record;
  const now = work.parts.clock.now();
  if (record.previousVersionId === null) return { record: done(record, now, 'There was no value before.') };
  const shares = await sharesAccount(work, record.previousVersionId);
  if ('failure' in shares) return shares;
  if (shares.answer && (await isSameCredential(work, record.previousVersionId, record.versionId)))
    return { record: done(record, now, 'The value is the one that was current before: none is to be retired.') };
  if (shares.answer || work.rotationFunction.revoke === undefined) return settleReplaced(work, shares.answer);
  const until = record.retireAt ?? now;
  const why = `The old value stays valid until ${new Date(until).toISOString()}.`;
  return { record: waiting(inState(record, 'retiring', now), until, why) };
}

/** The old value died when the new one was set; sessions opened with it live on until they are ended. */
async function settleReplaced(work: Work, shares: boolean): Promise<Retired> {
  const { entry, parts, rotationFunction, secret } = work;
  const { previousVersionId, number, settings } = entry.record;
  if (!shares || !settings.endSessions || rotationFunction.revoke === undefined || previousVersionId === null)
    return prove(work, { revoked: shares });
  const admitted = await admit(work, 'revoke');
  if ('heldBackUntil' in admitted) return admitted;
  const replacedAt = whenReplaced(entry.record) ?? parts.clock.now();
  const sessionsOlderThan = () => Math.max(0, parts.clock.now() - replacedAt);
  const revoked = await ask(work, 'revoke', (signal) =>
    crossing(parts.boundary, 'revocation', async () =>
      rotationFunction.revoke?.(secret.arn, previousVersionId, { fence: number, signal, sessionsOlderThan }),
    ),
  );
  await admitted.settle(revoked);
  return 'failure' in revoked ? revoked : prove(work, { revoked: true, report: reportOf(revoked.answer) });
}

/** From then on nobody came in with the old value; the first with the new one come after the promotion, a test later. */
function whenReplaced({ steps, promotedAt }: RotationRecord): number | null {
  return steps.findLast(({ step, outcome }) => step === 'set' && outcome === 'done')?.finishedAt ?? promotedAt;
}

/** The overlap is over: the target is made to refuse the old value, and seen to. */
export async function retire(work: Work, intended: Entry<RotationRecord>, admitted: Admitted): Promise<Retired> {
  const { parts, rotationFunction, secret } = work;
  const { previousVersionId, number } = intended.record;
  const at = { ...work, entry: intended };
  if (previousVersionId === null)
    return { record: done(intended.record, parts.clock.now(), 'There was no value before.') };
  const shares = await sharesAccount(at, previousVersionId);
  if ('failure' in shares) return shares;
  if (rotationFunction.revoke === undefined) return leaveInUse(at);
  if (shares.answer) return (await isCurrentAgain(at, previousVersionId)) ? leaveInUse(at) : proveReplaced(at);
  const revoked = await ask(at, 'revoke', (signal) =>
    crossing(parts.boundary, 'revocation', async () =>
      rotationFunction.revoke?.(secret.arn, previousVersionId, { fence: number, signal }),
    ),
  );
  await admitted.settle(revoked);
  if ('failure' in revoked) return revoked;
  return prove(at, { revoked: true, report: reportOf(revoked.answer) });
}

/** True when revoking the version would take away what *current* uses: asked again each time, people put values. */
function sharesAccount(work: Work, versionId: string): Promise<Answer<boolean>> {
  const { rotationFunction, secret, entry } = work;
  return ask(work, 'sharesAccount', async () => {
    if (rotationFunction.sharesAccount !== undefined) return rotationFunction.sharesAccount(secret.arn, versionId);
    return entry.record.strategy === 'single-user';
  });
}

/**
 * Somebody put the same value twice, and rolled back to it: what the target accepts must not be refused by it. Only what is
 * known to be the password counts, or the whole: other members may stay the same from one value to the next.
 */
async function isSameCredential({ parts, secret }: Work, ...versionIds: [string, string]): Promise<boolean> {
  const values = await Promise.all(versionIds.map(async (versionId) => parts.store.getValue(secret.id, versionId)));
  const [before, after] = values.map((value) => (value === null ? [] : partsOf(value)));
  return [WHOLE, 'password'].some((name) => {
    const text = before?.find(({ part }) => part === name)?.text;
    return text !== undefined && after?.some((other) => other.part === name && other.text === text);
  });
}

async function isCurrentAgain(work: Work, previousVersionId: string): Promise<boolean> {
  const current = findLabelled(work.secret, CURRENT);
  return current === null || isSameCredential(work, previousVersionId, current.id);
}

/**
 * The old account is in use again, under another password (a restored store takes the value that logs in from the escrow
 * journal): nothing is to be revoked, and the old value is seen to be refused all the same.
 */
async function proveReplaced(work: Work): Promise<Retired> {
  const report: StepReport = { findings: [reported(IN_USE_AGAIN)], strategy: null };
  return prove(work, { revoked: true, report, whenAccepted: () => leaveInUse(work) });
}

const IN_USE_AGAIN = 'The current value uses the account of the old one again; it was not revoked.';

/** Somebody made the old value current again: it is theirs now and is not revoked. */
async function leaveInUse(work: Work): Promise<Retired> {
  const report: StepReport = { findings: [reported(IN_USE_AGAIN)], strategy: null };
  return { record: done(work.entry.record, work.parts.clock.now(), IN_USE_AGAIN, report) };
}

interface Proof {
  /** Whether the value was made to be refused, or is known to have been replaced. */
  readonly revoked: boolean;
  readonly report?: Revoked;
  /** What it comes to where the old value logs in; by default that is a failure. */
  readonly whenAccepted?: () => Promise<Retired>;
}

async function prove(work: Work, { revoked, report = NOTHING, whenAccepted }: Proof): Promise<Retired> {
  const now = () => work.parts.clock.now();
  const { record } = work.entry;
  const lacking = lackOfProof(work, revoked);
  if (lacking !== null) {
    const findings = [...report.findings, reported(lacking)];
    return { record: done(record, now(), lacking, { ...report, findings }) };
  }
  const looked = await probeOld(work);
  if ('heldBackUntil' in looked) return looked;
  const { answer, settling: told } = looked;
  if (isRefused(answer))
    return {
      record: { ...done(record, now(), 'The target refuses the old value.', report), oldRefusedAt: now() },
      told,
    };
  await looked.settle();
  if ('failure' in answer) return answer;
  const { outcome, reason } = answer.answer;
  if (outcome !== 'accepted')
    return {
      failure: failure('unreachable', `Could not look whether the old value is refused (${outcome}: ${reason})`),
    };
  if (whenAccepted !== undefined) return whenAccepted();
  return {
    failure: failure(
      'bug',
      `The target still accepts the old value (${reason})`,
      'Revoke it there by hand, then rotate again.',
    ),
  };
}

/** Why it cannot be proven that the old value is dead; null when it can. Said in the rotation's history. */
function lackOfProof({ rotationFunction }: Work, revoked: boolean): string | null {
  const { name, lacks, probe } = rotationFunction;
  if (!revoked) return `The old value was not revoked: ${lacks.revoke ?? `${name} has no revoke`}.`;
  const lack = lacks['refuses-old'] ?? lacks.probe ?? (probe === undefined ? `${name} has no probe` : null);
  return lack === null ? null : `It was not proven that the old value is refused: ${lack}.`;
}

function isRefused(answer: Answer<ProbeResult>): boolean {
  return 'answer' in answer && answer.answer.outcome === 'refused';
}

/** The account that is logged in to once more when its value was revoked; null where that is not going to be. */
export async function accountToProve(work: Work): Promise<string | null> {
  const { previousVersionId } = work.entry.record;
  if (previousVersionId === null || lackOfProof(work, true) !== null) return null;
  return (await accountsAt(work, previousVersionId)).own;
}

async function probeOld(work: Work): Promise<Looked | HeldBack> {
  const { rotationFunction, secret, entry } = work;
  const unclear: ProbeResult = { outcome: 'unclear', reason: 'there is no old value to log in with' };
  const versionId = entry.record.previousVersionId;
  if (versionId === null) return { answer: { answer: unclear }, settle: async () => {}, settling: async () => [] };
  return lookWithinBudget(
    work,
    { what: 'probe', versionId },
    async (signal) => (await rotationFunction.probe?.(secret.arn, versionId, { signal })) ?? unclear,
  );
}

function done(record: RotationRecord, now: number, reason: string, report: Revoked = NOTHING): RotationRecord {
  const doing = record.doing === null ? intending(record, 'revoke', now) : record;
  const { endedSessions: total, endedInFlight: inFlight = null } = report;
  const sessions = record.settings.endSessions && total !== undefined ? { sessionsEnded: { total, inFlight } } : {};
  return { ...ended(stepDone(doing, 'done', report, now, reason), 'done', now), ...sessions };
}

function reportOf(revoked: Revoked | undefined): Revoked {
  const { endedSessions = 0, endedInFlight = 0 } = revoked ?? {};
  if (revoked === undefined || endedSessions === 0) return revoked ?? NOTHING;
  const busy = endedInFlight === 0 ? '' : `, ${endedInFlight} of them in the middle of something`;
  const text = reported(`Sessions of the old credential ended: ${endedSessions}${busy}.`);
  return { ...revoked, findings: [...revoked.findings, text] };
}

function reported(text: string): Finding {
  return { kind: 'reported', text, statement: null };
}
