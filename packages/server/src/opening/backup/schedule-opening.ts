import type { ServerConfig } from '../../config/config.ts';
import { openSeal } from '../../seal/open-seal.ts';
import { sealOf } from '../data-folder.ts';
import type { BackupScheduleParts } from './backup-schedule.ts';

type Given = Omit<BackupScheduleParts, 'config' | 'verify'>;

/** The schedule of backups, if one is configured; what it needs is loaded only then. */
export function openBackupSchedule(given: Given, config: ServerConfig): { start(): void; stop(): Promise<void> } {
  const { backup, dataFolder } = config;
  if (backup === null || dataFolder === null) return { start: () => {}, stop: async () => {} };
  const opened = open(given, { ...config, backup });
  return {
    start: () => void opened.then((schedule) => schedule.start()),
    stop: async () => (await opened).stop(),
  };
}

async function open(given: Given, config: ServerConfig & { readonly backup: BackupScheduleParts['config'] }) {
  const [{ BackupSchedule }, { verifyBackup }] = await Promise.all([
    import('./backup-schedule.ts'),
    import('./backup-verification.ts'),
  ]);
  const seal = await openSeal(sealOf(config), process.env);
  const { keys, keyring } = given.store;
  const known = () => (keys === null ? {} : { known: { record: keys.record, keyring } });
  const verify = (file: string) => verifyBackup({ file, seal, ...known() });
  return new BackupSchedule({ ...given, config: config.backup, verify });
}
