import { formatDuration, type RotationSettings } from '@rekey/core';
import type { HolderView } from '../engine/holders/holder-view.ts';
import { type AdoptAnswer, describeAdmin, describePlan } from './adopt.ts';
import { type Connection, secretPath } from './connection.ts';
import { whoBreaks } from './holders.ts';
import { type Output, printable, relativeTime } from './output.ts';
import { NOTHING_REFUSES } from './rotation-text.ts';

/** Holders named in a plan. */
const MOST_SHOWN = 20;

/** Answer of `POST /rekey/secrets/<name>/plan`. */
export interface PlanAnswer extends AdoptAnswer {
  readonly name: string;
  readonly functionArn: string;
  readonly settings: RotationSettings;
  readonly withoutTarget?: boolean;
  readonly holders: readonly HolderView[];
  readonly inTheWay: readonly string[];
}

/** `rekey rotate NAME --dry-run`: asks what a rotation would do and prints it; changes nothing. */
export async function showPlan(connection: Connection, name: string, output: Output): Promise<void> {
  const answer = (await connection.ask('POST', secretPath(name, 'plan'), {})) as unknown as PlanAnswer;
  output.result(answer, () => describePlannedRotation(answer, Date.now()));
}

/** What a rotation would do, what it lacks, and whom its end would wait for. */
export function describePlannedRotation(answer: PlanAnswer, now: number): string {
  const { probe, admin, plan, settings } = answer;
  return [
    `${printable(answer.name)}: nothing was changed; a rotation with ${printable(answer.functionArn)} would meet this`,
    ...answer.inTheWay.map((sentence) => `  first: ${printable(sentence)}`),
    `  current value: ${probe.outcome} (${printable(probe.reason)})`,
    ...describeAdmin(admin).map(printable),
    ...(plan === null ? [`  no plan: ${whyNoPlan(answer)}`] : describePlan(plan)),
    answer.withoutTarget
      ? `  ${NOTHING_REFUSES}`
      : `  the old value would stay valid for ${plan?.strategy === 'single-user' ? 'no time (one password)' : formatDuration(settings.overlap)}`,
    ...describeHolders(answer.holders, plan?.strategy ?? null, now),
  ].join('\n');
}

/** A plan is made at the target, by who is let in there; what stands in the way, and what to do about it. */
function whyNoPlan({ name, probe, admin, withoutTarget }: PlanAnswer): string {
  const called = printable(name);
  if (!withoutTarget && probe.outcome === 'refused')
    return `the target refuses what is current: \`rekey repair ${called}\` sets it there again, or put the value that it accepts`;
  if (!withoutTarget && probe.outcome === 'unreachable')
    return 'the target did not answer; see that it runs and can be reached from the server (before that, nothing is set there)';
  if (!withoutTarget && probe.outcome !== 'accepted')
    return 'it takes a login with the current value, of which nothing is known, see above';
  if (admin !== null && admin.outcome !== 'accepted')
    return `the admin credential is not accepted; put the one that its target accepts into ${printable(admin.name)}`;
  return 'the rotation function has none';
}

function describeHolders(holders: readonly HolderView[], strategy: string | null, now: number): readonly string[] {
  if (holders.length === 0) return ['  nobody was seen with the current value'];
  return [
    `  seen with the current value (${holders.length}):`,
    ...holders
      .slice(0, MOST_SHOWN)
      .map(
        ({ name, signal, lastSeenAt }) => `    ${printable(name)}, ${signal}, last ${relativeTime(lastSeenAt, now)}`,
      ),
    ...(holders.length > MOST_SHOWN ? [`    and ${holders.length - MOST_SHOWN} more: see rekey holders`] : []),
    ...whoBreaks(holders, strategy).map((line) => `  ${line}`),
  ];
}
