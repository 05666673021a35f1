import { readFileSync } from 'node:fs';
import { wrongUse } from './output.ts';

/** A file named on the command line. @throws RekeyError that says so in a sentence if it cannot be read */
export function readNamedFile(path: string, what: string): Buffer {
  try {
    return readFileSync(path);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw wrongUse(
      code === 'ENOENT' ? `there is no ${what} at ${path}.` : `cannot read the ${what} ${path} (${code ?? 'unknown'}).`,
    );
  }
}

/** A whole number given as text of an option. */
export function wholeNumber(option: string, text: string, from: number, to: number): number {
  const number = /^\d+$/.test(text) ? Number(text) : Number.NaN;
  if (number >= from && number <= to) return number;
  throw wrongUse(`${option} takes a whole number from ${from} to ${to}, not "${text}".`);
}

/** All of standard input, bounded: a value is at most 65,536 bytes, so more than twice that is a mistake. */
export async function readStandardInput(limit = 131_072): Promise<Buffer> {
  const chunks: Buffer[] = [];
  let size = 0;
  for await (const chunk of process.stdin) {
    size += (chunk as Buffer).length;
    if (size > limit) throw wrongUse(`standard input holds more than ${limit} bytes; a value has at most 65536.`);
    chunks.push(chunk as Buffer);
  }
  return Buffer.concat(chunks);
}

/** Asks on the terminal without echo. */
export async function readHidden(question: string): Promise<string> {
  const { isCancel, password } = await import('@clack/prompts');
  const answer = await password({ message: question });
  if (isCancel(answer)) throw wrongUse('cancelled; nothing was changed.');
  return answer;
}
