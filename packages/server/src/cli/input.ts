import { wrongUse } from './output.ts';

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
