import { after, before, describe } from 'node:test';
import {
  available,
  type PostgresVersion,
  type RunningPostgres,
  startPostgres,
} from '../../../scripts/test-services/postgres.ts';
import { rotatorConformance } from './conformance.ts';
import { PostgresBench } from './support/postgres-bench.ts';

for (const version of ['embedded', 'debian-15'] as const satisfies readonly PostgresVersion[]) {
  const { available: startable, why } = available(version);
  describe(`on a real server (${version})`, { skip: startable ? false : why }, () => {
    let server: RunningPostgres;
    before(async () => {
      server = await startPostgres({ version, settings: { fsync: 'off' } });
    });
    after(() => server?.stop());

    for (const strategy of ['single-user', 'alternating-users'] as const)
      rotatorConformance('postgres', { strategy, open: async () => (await PostgresBench.open(server)).conformance() });
    rotatorConformance('postgres without an admin credential', {
      strategy: 'single-user',
      lacks: { fence: 'an ordinary role may not write its own comment; its login is the fence' },
      open: async () => ({ ...(await PostgresBench.open(server)).conformance(), admin: null }),
    });
  });
}
