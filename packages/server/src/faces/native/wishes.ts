import { parseDuration, RekeyError, type RotationRule, type RotationSettings, ruleFrom } from '@rekey/core';
import type { ZodType } from 'zod';
import type { Declaration } from '../../service/declaration/declaration.ts';
import type { DeclarationWish } from '../../service/declaration/declarations.ts';
import type { RewrapWish } from '../../service/keys.ts';
import type { AdoptionWish, RotationWish } from '../../service/rotation.ts';
import type { SimulationWish } from '../../service/simulation.ts';
import type { AcknowledgementWish } from '../../service/usage.ts';
import { issueText } from './issue-text.ts';
import type { RotationBody } from './wish-forms.ts';

const DAY = 86_400_000;

/**
 * Reads the body of `PUT …/rotation` and `POST …/plan`.
 *
 * @throws RekeyError `invalid-input`, naming the member, never its content.
 */
export async function readRotationWish(body: unknown): Promise<RotationWish> {
  const { rotationBody } = await import('./wish-forms.ts');
  return rotationWish(check(rotationBody, body));
}

/** Reads the body of `POST …/adopt`: as for the rotation, and which version to log in with. */
export async function readAdoptionWish(body: unknown): Promise<AdoptionWish> {
  const { adoptionBody } = await import('./wish-forms.ts');
  const { versionId, ...wish } = check(adoptionBody, body);
  return { ...rotationWish(wish), ...(versionId === undefined ? {} : { versionId }) };
}

function rotationWish(wish: RotationBody): RotationWish {
  const rule = ruleOf(wish);
  const explicit = settingsOf(wish);
  return {
    ...(wish.rotator === undefined ? {} : { functionArn: functionName(wish.rotator) }),
    ...(rule === null ? {} : { rule }),
    ...(Object.keys(explicit).length === 0 ? {} : { explicit }),
  };
}

/** Reads the body of `POST …/holders`. */
export async function readAcknowledgement(body: unknown): Promise<AcknowledgementWish> {
  const { acknowledgementBody } = await import('./wish-forms.ts');
  const { versionId, instance, every } = check(acknowledgementBody, body);
  const interval = every === undefined ? null : parseDuration(every, { what: 'every', min: 1000, max: DAY });
  return { versionId, instance, every: interval };
}

export async function readQuarantineEnd(body: unknown): Promise<{ readonly despiteFindings: boolean }> {
  const { quarantineBody } = await import('./wish-forms.ts');
  return { despiteFindings: check(quarantineBody, body).despiteFindings ?? false };
}

export async function readRewrap(body: unknown): Promise<RewrapWish> {
  const { rewrapBody } = await import('./wish-forms.ts');
  return check(rewrapBody, body);
}

export async function readForget(body: unknown): Promise<{ readonly server: string }> {
  const { forgetBody } = await import('./wish-forms.ts');
  return check(forgetBody, body);
}

/** Reads the body of `POST /rekey/policy/simulate`; without a secret it is about none. */
export async function readSimulationWish(body: unknown): Promise<SimulationWish> {
  const { simulationBody } = await import('./wish-forms.ts');
  const { principal, action, secret, keys } = check(simulationBody, body);
  return { principal, action, secretId: secret ?? '*', keys: keys ?? {} };
}

/** `postgres` is short for the built-in rotation function `rekey-postgres`; ARNs and full names stay. */
function functionName(rotator: string): string {
  return rotator.startsWith('arn:') || rotator.startsWith('rekey-') ? rotator : `rekey-${rotator}`;
}

/** Whole days are AWS's own form, so that DescribeSecret can show them; anything else is native only. */
function ruleOf({ every, schedule, window }: RotationBody): RotationRule | null {
  if (every !== undefined && schedule !== undefined)
    throw invalid('every and schedule exclude each other; give one of them.');
  const duration = window === undefined ? {} : { Duration: window };
  if (schedule !== undefined) return ruleFrom({ ScheduleExpression: schedule, ...duration });
  if (every === undefined) {
    if (window !== undefined) throw invalid('window needs every (in days) or schedule.');
    return null;
  }
  const interval = parseDuration(every, { what: 'every', min: 1000 });
  if (interval % DAY === 0) return ruleFrom({ AutomaticallyAfterDays: interval / DAY, ...duration });
  if (window !== undefined) throw invalid('window needs an interval of whole days, or schedule.');
  return { kind: 'every', every: interval };
}

function settingsOf(wish: RotationBody): Partial<RotationSettings> {
  return {
    ...(wish.strategy === undefined ? {} : { strategy: wish.strategy }),
    ...(wish.overlap === undefined ? {} : { overlap: parseDuration(wish.overlap, { what: 'overlap' }) }),
    ...(wish.retireWithin === undefined ? {} : { retireWithin: retireWithinOf(wish.retireWithin) }),
    ...(wish.usernameMayChange === undefined ? {} : { usernameMayChange: wish.usernameMayChange }),
    ...(wish.via === undefined ? {} : { via: wish.via }),
    ...(wish.endSessions === undefined ? {} : { endSessions: wish.endSessions }),
    ...(wish.requires === undefined ? {} : { requires: wish.requires }),
    ...(wish.green === undefined ? {} : { green: wish.green }),
    ...(wish.soak === undefined ? {} : { soak: parseDuration(wish.soak, { what: 'soak' }) }),
  };
}

/** Null goes back to the default. */
function retireWithinOf(text: string | null): number | null {
  return text === null ? null : parseDuration(text, { what: 'retireWithin' });
}

/** Reads the body of `POST /rekey/plan` and `POST /rekey/apply`; what the plan was that somebody agreed to is for apply. */
export async function readDeclarationWish(body: unknown): Promise<DeclarationWish & { readonly shown: string | null }> {
  const { declarationBody } = await import('./declaration-form.ts');
  const { prune, plan, secrets, ...sections } = check(declarationBody, body);
  const named = Object.entries(sections).flatMap(([section, entries]) =>
    entries == null ? [] : [[section, byName(section, entries as Readonly<Record<string, unknown>>)]],
  );
  const rotations = Object.entries(secrets ?? {}).map(([name, wish]) => [name, declaredRotation(name, wish)] as const);
  const declaration: Declaration = { ...Object.fromEntries(named), secrets: new Map(rotations) };
  return { declaration, prune: prune ?? false, shown: plan ?? null };
}

/** Names that differ in case only would be declared twice. */
function byName<T>(section: string, entries: Readonly<Record<string, T>>): ReadonlyMap<string, T> {
  const seen = new Set<string>();
  for (const name of Object.keys(entries)) {
    if (seen.has(name.toLowerCase())) throw invalid(`${section}: ${name} is declared twice; case makes no other name.`);
    seen.add(name.toLowerCase());
  }
  return new Map(Object.entries(entries));
}

function declaredRotation(name: string, wish: RotationBody): RotationWish {
  try {
    return rotationWish(wish);
  } catch (error) {
    if (!(error instanceof RekeyError)) throw error;
    throw new RekeyError(error.code, `secrets.${name}: ${error.message}`, { reason: error.reason });
  }
}

/** @throws RekeyError `invalid-input`, naming the member, never its content. */
export function check<T>(schema: ZodType<T>, body: unknown): T {
  const checked = schema.safeParse(body ?? {});
  if (checked.success) return checked.data;
  throw invalid(issueText(checked.error.issues[0]));
}

function invalid(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'malformed-body' });
}
