import type {
  LoginAccounts,
  ProbeResult,
  RotationFunction,
  RotationRecord,
  RotationStep,
  SecretRecord,
} from '@rekey/core';
import { inSwitchWindow } from '../rotation/rotation-change.ts';
import { type Answer, ask, type Work } from '../rotation/work.ts';
import type { LoginBudget } from './login-budget.ts';
import type { LoginOutcome } from './login-count.ts';

/** A login that must wait until the budget of its account allows one. */
export interface HeldBack {
  readonly heldBackUntil: number;
}

/** A step that may go on; what it came to is to be told. */
export interface Admitted {
  settle(answer: Answer<unknown>): Promise<void>;
}

const FREE: Admitted = { settle: async () => {} };

/**
 * The accounts behind a version. A value that cannot be read as a credential is counted under its secret, as what a
 * foreign function does is.
 */
export async function accountsOf(
  rotationFunction: RotationFunction,
  secret: SecretRecord,
  versionId: string,
): Promise<LoginAccounts> {
  const bySecret: LoginAccounts = { own: `secret ${secret.id}`, admin: null };
  return (await rotationFunction.accounts?.(secret.arn, versionId).catch(() => bySecret)) ?? bySecret;
}

/**
 * Lets a step begin, if its logins may be made: `test` logs in with a value that may be refused; `set` and `revoke` use
 * a credential that is in daily use, and are stopped only after it was refused too often.
 */
export async function admit(work: Work, step: RotationStep): Promise<Admitted | HeldBack> {
  if (step === 'create' || step === 'finish') return FREE;
  const { rotationFunction, secret, entry, parts } = work;
  const { own, admin } = await accountsOf(rotationFunction, secret, entry.record.versionId);
  if (step === 'test') return own === null ? FREE : admitTest(work, own);
  const accounts = [own, admin].filter((account) => account !== null);
  for (const account of accounts) {
    const until = await parts.budget.spentUntil(account);
    if (until !== null) return { heldBackUntil: until };
  }
  return { settle: (answer) => noteChange(parts.budget, { own, admin }, answer) };
}

/** A fresh login as part of a rotation, within the budget of its account. */
export async function probeWithinBudget(
  work: Work,
  { what, versionId }: { readonly what: string; readonly versionId: string },
  probe: (signal: AbortSignal) => Promise<ProbeResult>,
): Promise<Answer<ProbeResult> | HeldBack> {
  const { budget } = work.parts;
  const { own } = await accountsOf(work.rotationFunction, work.secret, versionId);
  if (own === null) return ask(work, what, probe);
  const charged = await budget.charge(own);
  if ('spentUntil' in charged) return { heldBackUntil: charged.spentUntil };
  const answer = await ask(work, what, probe);
  const outcome = 'answer' in answer ? outcomeOf(answer.answer) : failureOutcome(answer);
  await budget.settle(charged.charge, outcome);
  return answer;
}

/** What a probe's answer means for the budget. */
export function outcomeOf({ outcome }: ProbeResult): LoginOutcome {
  return outcome === 'accepted' || outcome === 'refused' ? outcome : 'could-not-look';
}

async function admitTest(work: Work, account: string): Promise<Admitted | HeldBack> {
  const { budget } = work.parts;
  const charged = await budget.charge(account);
  if ('spentUntil' in charged)
    return mayEndOutage(work.entry.record)
      ? { settle: (answer) => noteTest(budget, account, answer) }
      : { heldBackUntil: charged.spentUntil };
  const classes = work.rotationFunction.probe !== undefined;
  return {
    settle: (answer) =>
      budget.settle(charged.charge, 'answer' in answer ? 'accepted' : failureOutcome(answer, { classes })),
  };
}

async function noteTest(budget: LoginBudget, account: string, answer: Answer<unknown>): Promise<void> {
  if ('answer' in answer) await budget.note(account, 'accepted');
  else if (answer.failure.errorClass === 'refused-login') await budget.note(account, 'refused');
}

/** Functions that do not class their errors may have been refused whenever they fail: that stays counted. */
function failureOutcome(
  { failure, unanswered }: Extract<Answer<unknown>, { readonly failure: unknown }>,
  { classes = true }: { readonly classes?: boolean } = {},
): LoginOutcome {
  if (failure.errorClass === 'refused-login') return 'refused';
  return unanswered || (!classes && failure.errorClass === 'bug') ? 'unanswered' : 'could-not-look';
}

/**
 * Only the account that was refused is charged: an admin credential serves many secrets, and one with a wrong password
 * must not use up the logins of all.
 */
async function noteChange(budget: LoginBudget, { own, admin }: LoginAccounts, answer: Answer<unknown>): Promise<void> {
  if ('answer' in answer || answer.failure.errorClass !== 'refused-login') return;
  const account = answer.failure.refusedAdmin ? admin : own;
  if (account !== null) await budget.note(account, 'refused');
}

/**
 * With one password, while the target takes only the new one, waiting for the budget is an outage. So the test that may
 * end it is made in any case, unless the target has judged and refused one already: what is left uncounted is what a
 * crash or a silent target left behind.
 */
function mayEndOutage(record: RotationRecord): boolean {
  const last = record.steps.findLast(({ step }) => step === 'test');
  return inSwitchWindow(record) && last?.errorClass !== 'refused-login';
}
