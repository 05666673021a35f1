import { join } from 'node:path';
import { storeDriverConformance } from './conformance.ts';
import { openSqliteDriver } from './sqlite.ts';

storeDriverConformance('sqlite', {
  open: async (folder) => openSqliteDriver({ file: join(folder, 'store.db'), create: true }),
  openBackup: async (file) => openSqliteDriver({ file, create: false, readOnly: true }),
});
