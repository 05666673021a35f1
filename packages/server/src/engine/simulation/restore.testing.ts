import { silentLogger } from '@rekey/core';
import { Quarantine } from '../quarantine/quarantine.ts';
import { SimulatedDisk } from './disk.testing.ts';
import { plainWrites } from './plain-keyring.testing.ts';
import type { SimulatedServer } from './server.testing.ts';
import type { World } from './world.testing.ts';

/** Looks, a minute apart: by a clock that is set back an hour, the logins of the lost store count an hour longer. */
const MOST_ROUNDS = 100;

/** The store is lost, and the last backup of it takes its place, in quarantine. Target and escrow journal are as they are. */
export function restore(world: World): void {
  if (world.backup === null) return;
  world.promises.beginRestore();
  const disk = SimulatedDisk.restored(world.backup);
  world.replaceDisk(disk);
  const record = { since: world.now, cause: 'restore', backup: 'rekey.backup' };
  disk.commit({ writes: plainWrites(world.keyring, [{ collection: 'setting', id: 'quarantine', record }]) });
}

/**
 * What a server does with a restored store: it looks at everything, again while something could not be looked at, and
 * a person ends the quarantine. Rejects when its server is gone.
 */
export async function lookThrough(world: World, { engine, store, clock, name }: SimulatedServer): Promise<void> {
  const quarantine = new Quarantine({
    store,
    escrow: world.journal,
    findFunction: engine.findFunction,
    clock,
    audit: { append: async () => {} },
    alerts: engine.alerts,
    log: silentLogger,
    holder: name,
  });
  for (let round = 0; round < MOST_ROUNDS; round += 1) {
    await quarantine.look().catch((error) => world.refused(error));
    const { looked, counts } = await quarantine.report();
    if (looked && !(counts.unknown ?? 0)) break;
    await world.time.pass(60_000);
  }
  const { report, quarantine: standing } = await quarantine.report();
  // Who wakes up when another has ended it tells people nothing.
  if (standing === null) return;
  const row = report.find(({ secretId }) => secretId === world.secretId);
  world.promises.restored(row?.outcome === 'refused' || row?.outcome === 'unknown');
  for (let asked = 0; asked < 5; asked += 1) {
    const ended = await quarantine.end({ despiteFindings: true }).then(
      () => true,
      (error) => world.refused(error),
    );
    if (ended) return;
  }
}
