import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { SealSettings } from '../seal/open-seal.ts';

/** What a running server leaves in its data folder, so that the owner's command line finds it. Holds no secret. */
export interface ServerNote {
  readonly endpoint: string;
  readonly region: string;
  readonly processId: number;
  /** The shared store it works on, without the password; left out where the store is in the folder. */
  readonly store?: string;
  /** How it reaches its KEK. */
  readonly seal?: SealSettings;
}

const NOTE = 'server.json';

export function leaveServerNote(dataFolder: string, note: ServerNote): void {
  writeFileSync(join(dataFolder, NOTE), `${JSON.stringify(note)}\n`, { mode: 0o600 });
}

export function removeServerNote(dataFolder: string): void {
  rmSync(join(dataFolder, NOTE), { force: true });
}

/** What the server that runs on the folder left there; null if none does. */
export function noteOfRunningServer(dataFolder: string): ServerNote | null {
  const note = readNote(dataFolder);
  return note !== null && isAlive(note.processId) ? note : null;
}

function readNote(dataFolder: string): ServerNote | null {
  try {
    return JSON.parse(readFileSync(join(dataFolder, NOTE), 'utf8')) as ServerNote;
  } catch {
    return null;
  }
}

function isAlive(processId: number): boolean {
  try {
    process.kill(processId, 0);
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code === 'EPERM';
  }
}
