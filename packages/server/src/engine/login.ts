import type { LoginAccounts, ProbeResult, RotationFunction, RotationStep, SecretRecord } from '@rekey/core';
import type { LoginBudget } from './login-budget.ts';
import type { LoginOutcome } from './login-count.ts';
import { type Answer, ask, type Work } from './work.ts';

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
  return { settle: (answer) => noteChange(parts.budget, accounts, answer) };
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
  if ('spentUntil' in charged) return { heldBackUntil: charged.spentUntil };
  const classes = work.rotationFunction.probe !== undefined;
  return {
    settle: (answer) =>
      budget.settle(charged.charge, 'answer' in answer ? 'accepted' : failureOutcome(answer, { classes })),
  };
}

/** Functions that do not class their errors may have been refused whenever they fail: that stays counted. */
function failureOutcome(
  { failure, unanswered }: Extract<Answer<unknown>, { readonly failure: unknown }>,
  { classes = true }: { readonly classes?: boolean } = {},
): LoginOutcome {
  if (failure.errorClass === 'refused-login') return 'refused';
  return unanswered || (!classes && failure.errorClass === 'bug') ? 'unanswered' : 'could-not-look';
}

async function noteChange(budget: LoginBudget, accounts: readonly string[], answer: Answer<unknown>): Promise<void> {
  if ('answer' in answer || answer.failure.errorClass !== 'refused-login') return;
  for (const account of accounts) await budget.note(account, 'refused');
}
