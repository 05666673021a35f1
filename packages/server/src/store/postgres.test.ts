import { describe } from 'node:test';
import { storeDriverConformance } from './conformance.ts';
import { TestPostgres, withoutPostgres } from './postgres.testing.ts';
import { openSqliteDriver } from './sqlite.ts';

const postgres = new TestPostgres();

describe('in PostgreSQL', { skip: withoutPostgres }, () => {
  storeDriverConformance('postgres', {
    open: (folder) => postgres.open(folder),
    openBackup: async (file) => openSqliteDriver({ file, create: false, readOnly: true }),
  });
});
