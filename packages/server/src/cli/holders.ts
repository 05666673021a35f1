import { formatDuration } from '@rekey/core';
import type { Command } from 'commander';
import type { HolderView } from '../engine/holders/holder-view.ts';
import type { RetirementView } from '../service/usage.ts';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { counted, createOutput, printable, relativeTime, table } from './output.ts';
import { withCommonOptions } from './program.ts';

/** Answer of `GET /rekey/secrets/<name>/holders`. */
export interface HoldersAnswer {
  readonly holders: readonly HolderView[];
  readonly strategy: string | null;
  readonly retirement: RetirementView | null;
}

/** `rekey holders NAME`: who uses which version, and who would be in the way of a rotation. */
export function addHolders(program: Command): void {
  withCommonOptions(program.command('holders <name>'))
    .description('who uses which version since when, and who breaks if you rotate now')
    .addHelpText(
      'after',
      `
SIGN is what is known of a holder: "read" (it was handed the version), "acknowledged" (it says so itself) or
"session" (logged in at the target under the old role).
STATE is current, behind (last seen with another version), unknown (the same, and seen only once) or gone
(silent for three of its own intervals).`,
    )
    .action(holders);
}

async function holders(name: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const answer = await (await connect(options)).native('GET', secretPath(name, 'holders'));
  output.result(answer, () => describeHolders(name, answer as unknown as HoldersAnswer, Date.now()));
}

export function describeHolders(name: string, answer: HoldersAnswer, now: number): string {
  const { holders, strategy, retirement } = answer;
  const rows = [...holders.map((holder) => holderRow(holder, now)), ...sessionRows(retirement)];
  if (rows.length === 0)
    return `${printable(name)}: nobody has read it yet; if you rotate now, nobody is known to break`;
  return [
    table([['HOLDER', 'VERSION', 'SINCE', 'LAST SEEN', 'EVERY', 'SIGN', 'STATE', 'CLIENT'], ...rows]),
    '',
    ...describeRetirement(retirement),
    ...whoBreaks(holders, strategy),
  ].join('\n');
}

/** Whom the retirement of the value that is current would wait for, were it rotated now. */
export function whoBreaks(holders: readonly HolderView[], strategy: string | null): readonly string[] {
  const waitedFor = holders.filter(({ ifRotatedNow }) => ifRotatedNow === 'waited-for');
  const seldom = holders.filter(({ ifRotatedNow }) => ifRotatedNow === 'holds-to-deadline');
  const number = waitedFor.length + seldom.length;
  if (number === 0) return ['If you rotate now, nobody would be waited for.'];
  if (strategy === 'single-user')
    return [
      `If you rotate now, the old value dies at once (one password): ${counted(number, 'holder')} must read again.`,
    ];
  const whom = number === 1 ? 'its holder has' : `its ${number} holders have`;
  return [
    `If you rotate now, the old value stays valid until ${whom} moved, at the latest until the deadline.`,
    ...(seldom.length === 0
      ? []
      : [
          'Seen only once, so that nobody knows when they come back; if they do not, they break at the deadline:',
          ...seldom.slice(0, MOST_NAMED).map((holder) => `  ${printable(holder.name)}`),
          ...(seldom.length > MOST_NAMED ? [`  and ${seldom.length - MOST_NAMED} more`] : []),
        ]),
  ];
}

const MOST_NAMED = 10;

function holderRow(holder: HolderView, now: number): readonly string[] {
  return [
    printable(holder.name),
    holder.versionId,
    relativeTime(holder.versionSince, now),
    relativeTime(holder.lastSeenAt, now),
    holder.interval === null ? '-' : formatDuration(Math.max(1_000, Math.round(holder.interval / 1_000) * 1_000)),
    holder.signal,
    holder.state,
    printable(holder.userAgent ?? '').slice(0, 40),
  ];
}

function sessionRows(retirement: RetirementView | null): readonly (readonly string[])[] {
  if (retirement === null || (retirement.openSessions ?? 0) === 0) return [];
  const who = counted(retirement.openSessions ?? 0, 'session');
  return [[`${who} at the target`, retirement.versionId ?? '-', '-', '-', '-', 'session', 'behind', '']];
}

function describeRetirement(retirement: RetirementView | null): readonly string[] {
  if (retirement === null) return [];
  const { versionId, retireBy, waitingFor } = retirement;
  const until = `Version ${versionId ?? '-'} is retiring, at the latest on ${new Date(retireBy).toISOString()}.`;
  return [waitingFor === null ? until : `${until} ${printable(waitingFor)}`];
}
