import { spawn } from 'node:child_process';
import { once } from 'node:events';

/** What a program that has ended left behind. */
export interface Ended {
  readonly code: number | null;
  readonly out: string;
  readonly err: string;
}

/** Runs a program to its end with exactly this environment. */
export async function run(
  program: string,
  words: readonly string[],
  options: { readonly environment?: Readonly<Record<string, string>>; readonly input?: string | Uint8Array } = {},
): Promise<Ended> {
  const child = spawn(program, words, { env: options.environment ?? {}, stdio: 'pipe' });
  let out = '';
  let err = '';
  child.stdout.on('data', (chunk: Buffer) => {
    out += chunk.toString();
  });
  child.stderr.on('data', (chunk: Buffer) => {
    err += chunk.toString();
  });
  // Who ends without reading its input leaves us with a broken pipe, which is no failure of ours.
  child.stdin.on('error', () => {});
  child.stdin.end(options.input ?? '');
  await once(child, 'close');
  return { code: child.exitCode, out, err };
}
