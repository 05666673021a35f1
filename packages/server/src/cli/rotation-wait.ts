import { RekeyError, type RotationRecord } from '@rekey/core';
import { type Connection, secretPath } from './connection.ts';
import type { Output } from './output.ts';
import { describeStep, describeWait } from './rotation-text.ts';

export const PROMOTED: ReadonlySet<string> = new Set(['promoted', 'retiring', 'done']);
const ENDED: ReadonlySet<string> = new Set(['blocked', 'rolled-back', 'abandoned']);

/**
 * Shows each step and waits until the value is in use, or the rotation ended or needs a person.
 *
 * @param patience milliseconds
 * @throws RekeyError `unavailable` when it takes longer; the rotation goes on by itself
 */
export async function waitForPromotion(
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
    if (record.waitingFor !== null && record.waitingFor !== told)
      output.progress(`  ${describeWait(record.waitingFor)}`);
    told = record.waitingFor ?? '';
    if (Date.now() > deadline)
      throw new RekeyError(
        'unavailable',
        `rotation #${record.number} of ${name} is still ${record.state} after ${patience / 1000} s; it goes on by itself, see rekey status ${name}`,
      );
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

/** @throws RekeyError `invalid-state` if it came to nothing or needs a person */
export function refuseFailed(name: string, ended: RotationRecord): void {
  if (!ENDED.has(ended.state)) return;
  throw new RekeyError(
    'invalid-state',
    `rotation #${ended.number} of ${name} is ${ended.state}: ${ended.waitingFor ?? ended.lastError ?? 'see rekey status'}`,
  );
}
