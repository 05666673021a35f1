import { formatDuration } from '@rekey/core';
import type { BreachView } from '../service/breach.ts';
import { counted, printable, relativeTime, table } from './output.ts';

type ShownCase = BreachView['cases'][number];

export const BREACH_HEADING = ['BREACH', 'REPORTED', 'BY', 'STATE', 'SECRETS'];

export function needsPerson({ state }: ShownCase): boolean {
  return state === 'needs-person';
}

export function breachRow(breach: BreachView, now: number): readonly string[] {
  const names = breach.cases.map(({ secretName, outcome, state }) => `${secretName} (${outcome ?? state})`);
  return [breach.id, relativeTime(breach.createdAt, now), breach.source, breach.state, names.join(', ') || '-'];
}

/** The whole report. */
export function breachText(breach: BreachView): string {
  const { id, source, askedBy, note, createdAt, settings, trouble, cases, state } = breach;
  const head = [
    `breach ${id}, reported ${iso(createdAt)} by ${source} (${printable(askedBy)})${note === null ? '' : `: ${printable(note)}`}`,
    `overlap ${formatDuration(settings.overlap)}, sessions ${settings.endSessions ? 'ended' : 'kept'}`,
    ...(trouble === null ? [] : [printable(trouble)]),
  ];
  const none = state === 'done' ? 'No secret here holds or held it.' : 'Which secrets hold it is not known yet.';
  const body = cases.length === 0 ? [none] : cases.map((one) => caseText(one, createdAt));
  return [...head, '', ...body].join('\n').trimEnd();
}

function caseText(one: ShownCase, reportedAt: number): string {
  const { secretName, outcome, state, sentence, promotedAt, refusedAt, sessionsEnded, cutOff, adminOf, holders, part } =
    one;
  const lines = [
    `${printable(secretName)}: ${outcome ?? state} (${part === 'value' ? 'the whole value' : `its ${printable(part)}`})`,
    `  ${printable(sentence)}`,
    ...(promotedAt === null ? [] : [`  a new value is current since ${since(promotedAt, reportedAt)}`]),
    ...(refusedAt === null ? [] : [`  the leaked value was seen refused ${since(refusedAt, reportedAt)}`]),
    ...(sessionsEnded === null ? [] : [`  ${sessionsText(sessionsEnded)}`]),
    ...(cutOff.length === 0 ? [] : [`  cut off, as an overlap was cut short: ${cutOff.map(printable).join(', ')}`]),
    ...(adminOf === null || adminOf.length === 0
      ? []
      : [
          `  it is the admin credential of ${adminOf.map(printable).join(', ')}: whoever had it could change their accounts`,
        ]),
  ];
  return [...lines, holdersText(holders ?? []), ''].join('\n');
}

function sessionsText({ total, inFlight }: NonNullable<ShownCase['sessionsEnded']>): string {
  const busy = inFlight === null ? '' : `, ${inFlight} of them in the middle of something`;
  return `${counted(total, 'session')} ended${busy}`;
}

function holdersText(holders: NonNullable<ShownCase['holders']>): string {
  if (holders.length === 0) return '  nobody was seen with it';
  const rows = holders.map(({ accessKeyId, principal, address, firstSeenAt, lastSeenAt, versionId, userAgent }) => [
    accessKeyId ?? principal,
    address,
    iso(firstSeenAt),
    iso(lastSeenAt),
    versionId,
    (userAgent ?? '').slice(0, 40),
  ]);
  const held = table([['HELD BY', 'ADDRESS', 'FIRST SEEN', 'LAST SEEN', 'VERSION', 'CLIENT'], ...rows]);
  return held.replace(/^/gm, '  ');
}

function since(at: number, reportedAt: number): string {
  const after = at - reportedAt;
  return after < 0 ? iso(at) : `${iso(at)} (${(after / 1000).toFixed(1)} s after the report)`;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
