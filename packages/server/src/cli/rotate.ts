import type { RotationRecord } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { wholeNumber } from './input.ts';
import { createOutput } from './output.ts';
import { withCommonOptions } from './program.ts';
import { showPlan } from './rotation-plan.ts';
import { describeRecord, NOTHING_REFUSES } from './rotation-text.ts';
import { PROMOTED, refuseFailed, waitForPromotion } from './rotation-wait.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly dryRun: boolean;
  readonly wait: boolean;
  readonly timeout: string;
  readonly overrideFreeze?: string;
  readonly overrideGate?: string;
}

/** `rekey rotate NAME [--wait | --dry-run]`. */
export function addRotate(program: Command): void {
  withCommonOptions(program.command('rotate <name>'))
    .description('rotate now')
    .option('--dry-run', 'say what a rotation would do and whom it would wait for; changes nothing', false)
    .option(
      '--override-gate <reason>',
      'rotate although its staging counterparts have not shown it; the reason is on record',
    )
    .option('--override-freeze <reason>', 'rotate although a freeze is in force; the reason is on record')
    .option('--wait', 'show each step and wait until the new value is promoted', false)
    .option('--timeout <seconds>', 'with --wait: give up waiting (the rotation goes on)', '300')
    .action(rotate);
}

async function rotate(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const patience = wholeNumber('--timeout', options.timeout, 1, 86_400) * 1000;
  const connection = await connect(options);
  if (options.dryRun) return showPlan(connection, name, output);
  const begun = (await connection.native('POST', secretPath(name, 'rotate'), overrides(options))) as unknown as {
    rotation: RotationRecord;
  };
  if (!options.wait) {
    output.result(begun, () => `${name}: ${describeRecord(begun.rotation, Date.now())}`);
    return;
  }
  output.progress(`${name}: rotation #${begun.rotation.number} begun`);
  const ended = await waitForPromotion(connection, name, begun.rotation, output, patience);
  const { withoutTarget } = await connection.native('GET', secretPath(name, 'rotation'));
  output.result({ rotation: ended }, () => summary(name, ended, withoutTarget === true));
  refuseFailed(name, ended);
}

function overrides({ overrideFreeze, overrideGate }: Options): Record<string, unknown> {
  return {
    ...(overrideFreeze === undefined ? {} : { overrideFreeze }),
    ...(overrideGate === undefined ? {} : { overrideGate }),
  };
}

function summary(name: string, record: RotationRecord, withoutTarget: boolean): string {
  if (!PROMOTED.has(record.state)) return '';
  if (withoutTarget) return `${name}: promoted version ${record.versionId}; ${NOTHING_REFUSES}`;
  const retire =
    record.state === 'done'
      ? 'the old value is proven refused'
      : record.strategy === 'single-user'
        ? 'the target takes only the new value'
        : `the old value stays valid until ${iso(record.retireAt)}${later(record)}`;
  const window = record.switchWindow === null ? '' : `; current was refused for ${record.switchWindow} ms`;
  return `${name}: promoted version ${record.versionId}${window}; ${record.oldRefusedAt === null && record.state === 'done' ? 'this rotator has nothing to refuse an old value with' : retire}`;
}

function later({ retireAt, retireBy }: RotationRecord): string {
  return retireBy == null || retireBy <= (retireAt ?? 0) ? '' : `, for holders that need it until ${iso(retireBy)}`;
}

function iso(time: number | null): string {
  return new Date(time ?? 0).toISOString();
}
