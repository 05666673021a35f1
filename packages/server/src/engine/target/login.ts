import type {
  LoginAccounts,
  ProbeResult,
  RotationFunction,
  RotationRecord,
  RotationStep,
  SecretRecord,
} from '@rekey/core';
import type { StoreWrite } from '../../store/store.ts';
import { inSwitchWindow } from '../rotation/rotation-change.ts';
import { type Answer, ask, type Work } from '../rotation/work.ts';
import type { LoginBudget } from './login-budget.ts';
import type { LoginOutcome } from './login-count.ts';

/** A login that must wait until the budget of its account allows one. */
export interface HeldBack {
  readonly heldBackUntil: number;
}

/** A step that may go on; what it came to is to be told, in one way or the other. */
export interface Admitted {
  /** By a commit of its own. */
  settle(answer: Answer<unknown>): Promise<void>;
  /** By writes for the commit that records a step that was done; to be asked again where that meets a conflict. */
  settling(): Promise<readonly StoreWrite[]>;
  /** Account of the rotation's version; left out where it is not known. */
  readonly account?: string | null;
}

/** What a login came to, to be told in one way or the other as {@link Admitted}. */
export interface Looked {
  readonly answer: Answer<ProbeResult>;
  settle(): Promise<void>;
  settling(): Promise<readonly StoreWrite[]>;
}

const nothing = async () => [];
const FREE: Admitted = { settle: async () => {}, settling: nothing };

/**
 * The accounts behind a version. A value that cannot be read as a credential is counted under its secret, as what a
 * foreign function does is.
 */
export async function accountsOf(
  rotationFunction: RotationFunction,
  secret: SecretRecord,
  versionId: string,
): Promise<LoginAccounts> {
  const bySecret: LoginAccounts = { own: accountOfSecret(secret), admin: null };
  return (await rotationFunction.accounts?.(secret.arn, versionId).catch(() => bySecret)) ?? bySecret;
}

/** The same for a rotation at work: what a version logs in as stays what it is while the claim is held. */
export async function accountsAt({ rotationFunction, secret, held }: Work, versionId: string): Promise<LoginAccounts> {
  const known = held.accounts.get(versionId);
  if (known !== undefined) return known;
  const accounts = await accountsOf(rotationFunction, secret, versionId);
  if (accounts.own !== null && accounts.own !== accountOfSecret(secret)) held.accounts.set(versionId, accounts);
  return accounts;
}

function accountOfSecret({ id }: SecretRecord): string {
  return `secret ${id}`;
}

/**
 * Lets a step begin, if its logins may be made: `test` logs in with a value that may be refused; `set` and `revoke` use
 * a credential that is in daily use, and are stopped only after it was refused too often.
 */
export async function admit(work: Work, step: RotationStep): Promise<Admitted | HeldBack> {
  if (step === 'create' || step === 'finish') return FREE;
  const { entry, parts } = work;
  const { own, admin } = await accountsAt(work, entry.record.versionId);
  if (step === 'test') return own === null ? FREE : admitTest(work, own);
  const accounts = [own, admin].filter((account) => account !== null);
  for (const account of accounts) {
    const until = await parts.budget.spentUntil(account);
    if (until !== null) return { heldBackUntil: until };
  }
  return { settle: (answer) => noteChange(parts.budget, { own, admin }, answer), settling: nothing, account: own };
}

/** A fresh login as part of a rotation, within the budget of its account. */
export async function probeWithinBudget(
  work: Work,
  { what, versionId }: { readonly what: string; readonly versionId: string },
  probe: (signal: AbortSignal) => Promise<ProbeResult>,
): Promise<Answer<ProbeResult> | HeldBack> {
  const looked = await lookWithinBudget(work, { what, versionId }, probe);
  if ('heldBackUntil' in looked) return looked;
  await looked.settle();
  return looked.answer;
}

/** As {@link probeWithinBudget}, and leaves it to the caller how what it came to is told. */
export async function lookWithinBudget(
  work: Work,
  { what, versionId }: { readonly what: string; readonly versionId: string },
  probe: (signal: AbortSignal) => Promise<ProbeResult>,
): Promise<Looked | HeldBack> {
  const { budget } = work.parts;
  const { own } = await accountsAt(work, versionId);
  if (own === null) return { answer: await ask(work, what, probe), settle: async () => {}, settling: nothing };
  const charged = await chargeOnce(work, own);
  if ('spentUntil' in charged) return { heldBackUntil: charged.spentUntil };
  const { charge } = charged;
  const answer = await ask(work, what, probe);
  const outcome = 'answer' in answer ? outcomeOf(answer.answer) : failureOutcome(answer);
  return {
    answer,
    settle: () => budget.settle(charge, outcome),
    settling: () => budget.settling(charge, outcome),
  };
}

/** What a probe's answer means for the budget. */
export function outcomeOf({ outcome }: ProbeResult): LoginOutcome {
  return outcome === 'accepted' || outcome === 'refused' ? outcome : 'could-not-look';
}

/** Logins beyond the budget for {@link mayEndOutage}; four in all, where the strictest usual lock-out limit is five. */
const TO_END_OUTAGE = 1;

async function admitTest(work: Work, account: string): Promise<Admitted | HeldBack> {
  const { budget } = work.parts;
  const within = await chargeOnce(work, account);
  const isWanted = 'spentUntil' in within && mayEndOutage(work.entry.record);
  const charged = isWanted ? await budget.charge(account, TO_END_OUTAGE) : within;
  if ('spentUntil' in charged) return { heldBackUntil: charged.spentUntil };
  const { charge } = charged;
  const classes = work.rotationFunction.probe !== undefined;
  return {
    settle: (answer) => budget.settle(charge, 'answer' in answer ? 'accepted' : failureOutcome(answer, { classes })),
    settling: () => budget.settling(charge, 'accepted'),
  };
}

/** Counts a login, unless {@link prepay} has done so. */
async function chargeOnce({ held, parts }: Work, account: string) {
  const charge = held.prepaid;
  if (charge?.account !== account || parts.budget.isStale(charge)) return parts.budget.charge(account);
  held.prepaid = null;
  return { charge };
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
 * With one password, while the target takes only the new one, waiting for the budget is an outage. So one test more is
 * made that may end it, unless the target is known to have refused one already: a crash or a silent target may have left
 * behind what is counted. Counted it is, too, so that servers that die one after the other stay below a lock-out limit.
 */
function mayEndOutage(record: RotationRecord): boolean {
  const last = record.steps.findLast(({ step }) => step === 'test');
  return inSwitchWindow(record) && last?.errorClass !== 'refused-login';
}
