import type { Fault } from './fault.testing.ts';
import { personDoes } from './people.testing.ts';
import type { SimulatedServer } from './server.testing.ts';
import type { World } from './world.testing.ts';

/** Lets a fault happen to a server, at one of its effects. */
export async function strike(world: World, server: SimulatedServer, fault: Fault, effect: string): Promise<void> {
  world.struck.push(
    fault.kind === 'target' ? `target ${fault.fault}` : fault.kind === 'person' ? `person ${fault.act}` : fault.kind,
  );
  world.trace?.(`    !! ${JSON.stringify(fault)}`);
  if (fault.kind === 'dies' || fault.kind === 'sleeps') world.cut.push(`${fault.kind} ${effect}`);
  const { effects, connection, clock } = server;
  switch (fault.kind) {
    case 'dies':
      world.stop(server);
      return;
    case 'sleeps':
      clock.stopped = true;
      server.wakesAt = world.now + fault.milliseconds;
      effects.sleep();
      return;
    case 'store-fails':
      effects.storeFails += fault.times;
      return;
    case 'store-reply-lost':
      effects.storeRepliesLost += fault.times;
      return;
    case 'escrow-fails':
      effects.escrowFails += fault.times;
      return;
    case 'target':
      connection.breaks(fault.operation, fault.fault, fault.times);
      return;
    case 'target-hangs':
      connection.hangs += fault.times;
      return;
    case 'target-flaps':
      connection.flaps += fault.times;
      return;
    case 'target-slow':
      connection.slow = { times: fault.times, milliseconds: fault.milliseconds };
      return;
    case 'target-late':
      connection.late = fault.milliseconds;
      return;
    case 'pooler-stale':
      world.promises.others();
      world.target.stalePooler(fault.milliseconds);
      return;
    case 'clock-jumps':
      world.promises.clocksJumped = true;
      if (fault.milliseconds > 0 || world.history.servers > 1) world.promises.windowsSkipped += 1;
      clock.offset += fault.milliseconds;
      return;
    case 'backup':
      world.backup = world.disk.snapshot();
      return;
    case 'person':
      await personDoes(world, server, fault.act);
      return;
  }
}
