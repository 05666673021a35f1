import { RekeyError, type RotationRecord } from '@rekey/core';
import type { Command } from 'commander';
import { type Connection, connect, secretPath, type WhereOptions } from './connection.ts';
import { wholeNumber } from './input.ts';
import { createOutput, type Output } from './output.ts';
import { withCommonOptions } from './program.ts';
import { describeRecord, describeStep } from './rotation-text.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly wait: boolean;
  readonly timeout: string;
}

/** `rekey rotate NAME [--wait]`. */
export function addRotate(program: Command): void {
  withCommonOptions(program.command('rotate <name>'))
    .description('rotate now')
    .option('--wait', 'show each step and wait until the new value is promoted', false)
    .option('--timeout <seconds>', 'with --wait: give up waiting (the rotation goes on)', '300')
    .action(rotate);
}

async function rotate(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const patience = wholeNumber('--timeout', options.timeout, 1, 86_400) * 1000;
  const connection = await connect(options);
  const begun = (await connection.native('POST', secretPath(name, 'rotate'))) as unknown as {
    rotation: RotationRecord;
  };
  if (!options.wait) {
    output.result(begun, () => `${name}: ${describeRecord(begun.rotation, Date.now())}`);
    return;
  }
  output.progress(`${name}: rotation #${begun.rotation.number} begun`);
  const ended = await waitForPromotion(connection, name, begun.rotation, output, patience);
  output.result({ rotation: ended }, () => summary(name, ended));
  if (ended.state === 'blocked' || ended.state === 'rolled-back' || ended.state === 'abandoned')
    throw new RekeyError(
      'invalid-state',
      `rotation #${ended.number} of ${name} is ${ended.state}: ${ended.waitingFor ?? ended.lastError ?? 'see rekey status'}`,
    );
}

const PROMOTED: ReadonlySet<string> = new Set(['promoted', 'retiring', 'done']);
const ENDED: ReadonlySet<string> = new Set(['blocked', 'rolled-back', 'abandoned']);

async function waitForPromotion(
  connection: Connection,
  name: string,
  begun: RotationRecord,
  output: Output,
  patience: number,
): Promise<RotationRecord> {
  const deadline = Date.now() + patience;
  let shown = 0;
  let told = '';
  for (;;) {
    const answer = await connection.native('GET', secretPath(name, 'rotations', begun.id));
    const record = answer.rotation as RotationRecord;
    for (const step of record.steps.slice(shown)) output.progress(`  ${describeStep(step)}`);
    shown = record.steps.length;
    if (PROMOTED.has(record.state) || ENDED.has(record.state)) return record;
    if (record.waitingFor !== null && record.waitingFor !== told) output.progress(`  waits: ${record.waitingFor}`);
    told = record.waitingFor ?? '';
    if (Date.now() > deadline)
      throw new RekeyError(
        'unavailable',
        `rotation #${record.number} of ${name} is still ${record.state} after ${patience / 1000} s; it goes on by itself, see rekey status ${name}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

function summary(name: string, record: RotationRecord): string {
  if (!PROMOTED.has(record.state)) return '';
  const retire =
    record.state === 'done'
      ? 'the old value is proven refused'
      : `the old value stays valid until ${new Date(record.retireAt ?? 0).toISOString()}`;
  const window = record.switchWindow === null ? '' : `; current was refused for ${record.switchWindow} ms`;
  return `${name}: promoted version ${record.versionId}${window}; ${record.oldRefusedAt === null && record.state === 'done' ? 'this rotator has nothing to refuse an old value with' : retire}`;
}
