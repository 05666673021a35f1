import { after, before } from 'node:test';
import {
  available,
  type RunningPostgres,
  type StartPostgresOptions,
  startPostgres,
} from '../../scripts/test-services/postgres.ts';
import { PostgresTarget } from './postgres-target.ts';

const { available: isStartable, why } = available('embedded');

/** For the options of a `describe`: why its tests cannot run on this machine, or false. */
export const skipWithoutPostgres: string | false = isStartable ? false : why;

export interface GivenPostgres {
  readonly postgres: RunningPostgres;
  readonly target: PostgresTarget;
}

/** A real PostgreSQL with an admin credential for the suite that this is called in: started before its tests, stopped after them. */
export function givenPostgres(settings: StartPostgresOptions['settings'] = {}): GivenPostgres {
  let postgres: RunningPostgres | null = null;
  let target: PostgresTarget | null = null;
  before(async () => {
    postgres = await startPostgres({ version: 'embedded', settings });
    target = await PostgresTarget.open(postgres);
  });
  after(async () => {
    await target?.close();
    await postgres?.stop();
  });
  const started = <T>(service: T | null): T => {
    if (service === null) throw new Error('PostgreSQL is there from the first test on, not while a suite is described');
    return service;
  };
  return {
    get postgres() {
      return started(postgres);
    },
    get target() {
      return started(target);
    },
  };
}
