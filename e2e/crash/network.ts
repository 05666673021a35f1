import type { CuttableProxy } from '../../scripts/test-services/cuttable-proxy.ts';
import type { Cleanup } from '../support/cleanup.ts';
import { rootClient } from '../support/clients.ts';
import { startServer } from '../support/server.ts';
import { assertEndedWell, type Recovered, recoveredSince, type Stage, settle, storeCredentials } from './play.ts';
import { configure, rotate, type Story } from './stories.ts';

/** The statement that gives a role its new password, and the one that makes it stand. */
const PASSWORD = /ALTER ROLE .* PASSWORD /;
const COMMIT = /COMMIT/;

/** Where in the middle of `set` the network to the target breaks. */
export interface NetworkFault {
  readonly title: string;
  /** Resolves when it has happened. */
  arm(road: CuttableProxy): Promise<void>;
}

export const NETWORK_FAULTS: readonly NetworkFault[] = [
  { title: 'network cut before the new password arrives', arm: (road) => road.cutAt([PASSWORD], 'request') },
  { title: 'network cut before the commit arrives', arm: (road) => road.cutAt([PASSWORD, COMMIT], 'request') },
  { title: 'network cut before the commit is answered', arm: (road) => road.cutAt([PASSWORD, COMMIT], 'answer') },
];

/** How long the network stays cut. Milliseconds. */
const CUT_FOR = 500;

/** Cuts the network to the target in the middle of `set`, and sees that the same server ends well by itself. */
export async function cutAndRecover(
  test: Cleanup,
  stage: Stage,
  strategy: Story['strategy'],
  fault: NetworkFault,
): Promise<Recovered> {
  const { road } = stage;
  const server = await startServer({ dataFolder: stage.dataFolder, test });
  const client = rootClient(server.endpoint);
  await storeCredentials(client, stage);
  await configure(client, strategy);
  const cut = fault.arm(road);
  await rotate(client);
  await cut;
  const begun = { at: Date.now(), logins: road.connections };
  await new Promise((resolve) => setTimeout(resolve, CUT_FOR));
  road.mend();
  await settle(client, stage, strategy);
  const recovered = await recoveredSince(client, road, begun);
  await assertEndedWell(client, stage);
  await server.stop();
  return recovered;
}
