import {
  CURRENT,
  chooseStrategy,
  type InvokeOptions,
  type LoginAccounts,
  PREVIOUS,
  type ProbeResult,
  type RandomSource,
  type RevokeOptions,
  type RotationContext,
  type RotationEvent,
  type RotationFunction,
  type Rotator,
  RotatorError,
  type SecretAccess,
  type SecretDescription,
  type StepReport,
} from '@rekey/core';
import type { CredentialFields } from './support/credential.ts';
import { guardAdmin, guardPending, membersOf } from './support/guard.ts';
import { KnownSecrets } from './support/scrub.ts';

const NOTHING_TO_SAY: StepReport = { findings: [], strategy: null };

/**
 * Turns a rotator into a rotation function with every ability the rotator does not `lack`: the engine runs it in
 * process, `@rekey/lambda` as the rotation function of a real AWS Secrets Manager.
 *
 * Errors: every failure is a {@link RotatorError} in whose texts no secret string of the call remains, in any encoding.
 */
export function rotationFunctionFrom(
  rotator: Rotator,
  access: SecretAccess,
  { random }: { readonly random: RandomSource },
): RotationFunction {
  const call = <T>(work: (call: Call) => Promise<T>) => runCall(rotator, access, random, work);
  const has = (feature: 'probe' | 'revoke') => rotator.lacks[feature] === undefined;
  return {
    name: `rekey-${rotator.name}`,
    lacks: rotator.lacks,
    inProcess: access.inProcess ?? false,
    invoke: (event, options) => call((open) => runStep(open, event, options)),
    target: (secretArn) => call((open) => targetOf(open, secretArn)),
    plan: (secretArn, options) => call((open) => plan(open, secretArn, options)),
    accounts: (secretArn, versionId) => call((open) => accountsOf(open, secretArn, versionId)),
    sharesAccount: (secretArn, versionId) => call((open) => sharesAccount(open, secretArn, versionId)),
    ...(has('revoke') && {
      revoke: (secretArn: string, versionId: string, options: RevokeOptions) =>
        call((open) => revoke(open, secretArn, versionId, options)),
    }),
    ...(rotator.sessions !== undefined &&
      rotator.lacks.sessions === undefined && {
        sessions: (secretArn: string, versionId: string, options: InvokeOptions) =>
          call((open) => sessions(open, secretArn, versionId, options)),
      }),
    ...(has('probe') && {
      probe: (secretArn: string, versionId: string, options: { readonly signal: AbortSignal }) =>
        call((open) => probe(open, secretArn, versionId, options.signal)),
    }),
    ...(has('probe') &&
      rotator.decoy !== undefined && {
        probeDecoy: (secretArn: string, options: { readonly signal: AbortSignal }) =>
          call((open) => probeDecoy(open, secretArn, options.signal)),
      }),
  };
}

/** What one call works with; its `access` remembers every value it hands out, so that it can be scrubbed. */
interface Call {
  readonly rotator: Rotator;
  readonly access: SecretAccess;
  readonly random: RandomSource;
  readonly secrets: KnownSecrets;
}

async function runCall<T>(
  rotator: Rotator,
  access: SecretAccess,
  random: RandomSource,
  work: (call: Call) => Promise<T>,
): Promise<T> {
  const secrets = new KnownSecrets();
  const remembering: SecretAccess = {
    describe: (secretId) => access.describe(secretId),
    getValue: async (secretId, selector) => secrets.add(await access.getValue(secretId, selector)),
    putPending: (secretId, versionId, text) => access.putPending(secretId, versionId, text),
    promote: (secretId, versionId) => access.promote(secretId, versionId),
  };
  try {
    return await work({ rotator, access: remembering, random, secrets });
  } catch (error) {
    throw secrets.clean(error);
  }
}

async function runStep(call: Call, event: RotationEvent, options: InvokeOptions): Promise<StepReport> {
  const { SecretId: secretId, ClientRequestToken: versionId, Step: step } = event;
  const description = await call.access.describe(secretId);
  if (description.currentVersionId === versionId) return NOTHING_TO_SAY;
  if (step === 'finishSecret') {
    await call.access.promote(description.arn, versionId);
    return NOTHING_TO_SAY;
  }
  const current = await currentOf(call, description);
  const { context } = await contextFor(call, description, current, options);
  if (step === 'createSecret') return createPending(call, context, current, versionId);
  const pending = await call.access.getValue(description.arn, { versionId });
  if (pending === null)
    throw new RotatorError('rejected-form', `Version ${versionId} has no value: run createSecret first`);
  guardPending(call.rotator, context.strategy, current, pending);
  const { findings } =
    step === 'setSecret'
      ? await call.rotator.set({ context, current, pending, previous: await previousOf(call, description) })
      : await call.rotator.test({ context, current, pending });
  return report(call, context, findings);
}

async function createPending(call: Call, context: RotationContext, current: string, versionId: string) {
  const made = await call.access.getValue(context.secret.arn, { versionId });
  if (made !== null) return report(call, context, []);
  const { pending } = await call.rotator.create({ context, current });
  call.secrets.add(pending);
  guardPending(call.rotator, context.strategy, current, pending);
  await call.access.putPending(context.secret.arn, versionId, pending);
  return report(call, context, []);
}

async function targetOf(call: Call, secretArn: string): Promise<string | null> {
  const current = await call.access.getValue(secretArn, { label: CURRENT });
  return current === null ? null : call.rotator.target(current) || null;
}

async function plan(call: Call, secretArn: string, options: InvokeOptions) {
  const description = await call.access.describe(secretArn);
  const current = await currentOf(call, description);
  const { context, why } = await contextFor(call, description, current, options);
  const made = await call.rotator.plan({ context, current });
  const scrub = (texts: readonly string[]) => texts.map((text) => call.secrets.scrub(text));
  return { ...made, statements: scrub(made.statements), needs: scrub(made.needs), warnings: scrub(made.warnings), why };
}

async function revoke(call: Call, secretArn: string, versionId: string, options: RevokeOptions) {
  const description = await call.access.describe(secretArn);
  if (description.currentVersionId === versionId)
    throw new RotatorError('conflict', `Version ${versionId} of ${description.name} is current and cannot be revoked`);
  const retired = await call.access.getValue(description.arn, { versionId });
  const current = await currentOf(call, description);
  const { context } = await contextFor(call, description, current, options);
  if (retired === null) return { ...report(call, context, []), endedSessions: 0 };
  if (call.rotator.target(retired) !== call.rotator.target(current)) {
    const text = `The old value belongs to ${call.rotator.target(retired)}, where this secret has no admin credential: it was not revoked there`;
    return { ...report(call, context, [{ kind: 'reported', text, statement: null }]), endedSessions: 0 };
  }
  const { sessionsOlderThan } = options;
  const older = sessionsOlderThan === undefined ? {} : { sessionsOlderThan };
  const { findings, ...ended } = await call.rotator.revoke({ context, retired, current, ...older });
  return { ...report(call, context, findings), ...ended };
}

async function sessions(
  call: Call,
  secretArn: string,
  versionId: string,
  options: InvokeOptions,
): Promise<number | null> {
  const description = await call.access.describe(secretArn);
  const held = await call.access.getValue(description.arn, { versionId });
  const current = await currentOf(call, description);
  if (held === null || call.rotator.target(held) !== call.rotator.target(current)) return null;
  const { context } = await contextFor(call, description, current, options);
  return (await call.rotator.sessions?.({ context, held, current }))?.sessions ?? null;
}

async function probe(call: Call, secretArn: string, versionId: string, signal: AbortSignal): Promise<ProbeResult> {
  const { arn, settings } = await call.access.describe(secretArn);
  const credential = await call.access.getValue(arn, { versionId });
  if (credential === null) return { outcome: 'unclear', reason: `Version ${versionId} has no value to log in with` };
  return scrubbed(call, await call.rotator.probe({ credential, settings, signal }));
}

async function probeDecoy(call: Call, secretArn: string, signal: AbortSignal): Promise<ProbeResult> {
  const description = await call.access.describe(secretArn);
  const current = await currentOf(call, description);
  const decoy = call.rotator.decoy;
  if (decoy === undefined) return { outcome: 'unclear', reason: 'The rotator makes no decoys' };
  const credential = call.secrets.add(decoy(current, call.random));
  return scrubbed(call, await call.rotator.probe({ credential, settings: description.settings, signal }));
}

/** Two values share an account where one user has one password: the old one died when the new one was set. */
async function sharesAccount(call: Call, secretArn: string, versionId: string): Promise<boolean> {
  const description = await call.access.describe(secretArn);
  const current = await currentOf(call, description);
  const other = await call.access.getValue(description.arn, { versionId });
  if (other === null || other === current) return true;
  const members = membersOf(current);
  const hasAdmin = typeof members?.masterarn === 'string';
  const { strategy } = chooseStrategy(description.settings, call.rotator.strategies, hasAdmin);
  if (strategy === 'dual-password' || strategy === 'two-keys') return false;
  return members?.username === membersOf(other)?.username;
}

async function accountsOf(call: Call, secretArn: string, versionId: string): Promise<LoginAccounts> {
  const value = await call.access.getValue(secretArn, { versionId });
  if (value === null) return { own: null, admin: null };
  const members = membersOf(value);
  const named = members?.masterarn;
  const admin =
    typeof named === 'string' && named !== '' ? await call.access.getValue(named, { label: CURRENT }) : null;
  return {
    own: accountOf(call.rotator, value, members),
    admin: admin === null ? null : accountOf(call.rotator, admin, membersOf(admin)),
  };
}

function accountOf(rotator: Rotator, credential: string, members: CredentialFields | null): string | null {
  const target = rotator.target(credential);
  const username = members?.username;
  return target === '' || typeof username !== 'string' ? null : `${target} ${username}`;
}

async function contextFor(
  call: Call,
  description: SecretDescription,
  current: string,
  options: InvokeOptions,
): Promise<{ readonly context: RotationContext; readonly why: string }> {
  const admin = await adminOf(call, current);
  const { strategy, why } = chooseStrategy(description.settings, call.rotator.strategies, admin !== null);
  if (!call.rotator.strategies.includes(strategy))
    throw new RotatorError('rejected-form', `The rotator ${call.rotator.name} cannot rotate by ${strategy}`, {
      nextAction: `Choose one of: ${call.rotator.strategies.join(', ')}.`,
    });
  const { arn, name, settings } = description;
  const { fence, signal } = options;
  return { context: { secret: { arn, name }, strategy, fence, admin, settings, random: call.random, signal }, why };
}

/** Value of the secret that the current value names in `masterarn`; never what *pending* names. */
async function adminOf(call: Call, current: string): Promise<string | null> {
  const named = membersOf(current)?.masterarn;
  if (typeof named !== 'string' || named === '') return null;
  const admin = await call.access.getValue(named, { label: CURRENT });
  if (admin === null)
    throw new RotatorError('rejected-form', `The admin credential ${named} has no current value`, {
      nextAction: 'Put a value into that secret, or name another in masterarn.',
    });
  guardAdmin(call.rotator, current, admin);
  return admin;
}

async function currentOf(call: Call, description: SecretDescription): Promise<string> {
  const current = await call.access.getValue(description.arn, { label: CURRENT });
  if (current !== null) return current;
  throw new RotatorError('rejected-form', `The secret ${description.name} has no current value`, {
    nextAction: 'Put the credential that the target accepts now.',
  });
}

async function previousOf(call: Call, description: SecretDescription): Promise<string | null> {
  if (description.previousVersionId === null) return null;
  return call.access.getValue(description.arn, { label: PREVIOUS });
}

function report(call: Call, context: RotationContext, findings: StepReport['findings']): StepReport {
  const clean = findings.map(({ kind, text, statement }) => ({
    kind,
    text: call.secrets.scrub(text),
    statement: statement === null ? null : call.secrets.scrub(statement),
  }));
  return { findings: clean, strategy: context.strategy };
}

function scrubbed(call: Call, { outcome, reason }: ProbeResult): ProbeResult {
  return { outcome, reason: call.secrets.scrub(reason) };
}
