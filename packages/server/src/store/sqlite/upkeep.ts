import { beginBackupFile } from '../backup-file.ts';
import { openForReading } from './connection.ts';

/** Copies the store as it stands to a new file, mode 0600, while it is being written to. */
export function writeBackup(from: string, to: string): void {
  const backup = beginBackupFile(to);
  try {
    copyInto(from, backup.partial);
    backup.finish();
  } catch (error) {
    backup.abandon();
    throw error;
  }
}

/** Sentences about what is wrong in the file; reads all of it. */
export function findDamage(file: string): readonly string[] {
  const db = openForReading(file);
  try {
    const lines = db.prepare('PRAGMA integrity_check(20)').all() as unknown as { integrity_check: string }[];
    const damage = lines.map((line) => line.integrity_check).filter((line) => line !== 'ok');
    if (damage.length > 0) return damage.map((line) => `The store ${file} is damaged (${line}); restore a backup.`);
    const lost = db.prepare(STRAY_ENTRIES).get() as { count: number };
    return lost.count === 0
      ? []
      : [`The store ${file} has ${lost.count} index entries without a record; restore a backup.`];
  } finally {
    db.close();
  }
}

const STRAY_ENTRIES = `SELECT count(*) AS count FROM entry WHERE NOT EXISTS
  (SELECT 1 FROM record WHERE record.collection = entry.collection AND record.id = entry.id)`;

/** VACUUM INTO reads one snapshot and writes only to an empty file (sqlite.org/lang_vacuum.html). */
function copyInto(from: string, to: string): void {
  const db = openForReading(from);
  try {
    db.exec('PRAGMA query_only = OFF');
    db.prepare('VACUUM INTO ?').run(to);
  } finally {
    db.close();
  }
}
