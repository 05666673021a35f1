import type { ServerCommand } from './server-process.ts';

export const ROOT = { accessKeyId: 'AKIABENCHMARKROOTKEY', secretAccessKey: 'benchmark/secret+access=key-0123456789' };
export const REGION = 'us-east-1';

/** `rekey serve` as its users run it, on a free port. */
export function rekeyCommand(dataFolder: string, flags: readonly string[] = []): ServerCommand {
  return {
    file: '../packages/server/bin/rekey.js',
    words: ['serve', '--data', dataFolder, '--listen', '127.0.0.1:0', '--log-level', 'warn'],
    environment: {
      REKEY_ROOT_ACCESS_KEY_ID: ROOT.accessKeyId,
      REKEY_ROOT_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
    },
    flags,
  };
}
