import { parentPort, workerData } from 'node:worker_threads';
import { failureOf } from './failures.ts';
import { findDamage, writeBackup } from './upkeep.ts';
import type { Upkeep, UpkeepAnswer } from './upkeep-request.ts';

/** Long reads of the whole file, away from the thread that answers requests and the one that writes. */
function answer(upkeep: Upkeep): UpkeepAnswer {
  try {
    if (upkeep.kind === 'check') return { damage: findDamage(upkeep.file) };
    writeBackup(upkeep.file, upkeep.to);
    return { damage: [] };
  } catch (error) {
    return { failure: failureOf(error, upkeep.kind === 'backup' ? upkeep.to : upkeep.file) };
  }
}

parentPort!.postMessage(answer(workerData as Upkeep));
