import { once } from 'node:events';
import { connect } from 'node:net';

/** What came back on a connection of its own, after our side was closed. */
export interface RawAnswer {
  /** 0: the server closed without an answer. */
  readonly status: number;
  readonly headers: string;
  readonly body: string;
}

/** No answer is waited for longer than this; milliseconds. */
const PATIENCE = 15_000;

/** Sends bytes as they are, closes our side and reads until the server closes its own. */
export async function sendRaw(port: number, bytes: Uint8Array): Promise<RawAnswer> {
  const socket = connect({ port, host: '127.0.0.1', allowHalfOpen: true });
  const chunks: Buffer[] = [];
  socket.on('data', (chunk: Buffer) => chunks.push(chunk));
  // A server that has heard enough resets the connection while we still write: the answer before that counts.
  socket.on('error', () => {});
  const closed = once(socket, 'close');
  const impatience = setTimeout(() => socket.destroy(new Error('no answer')), PATIENCE);
  socket.end(bytes);
  await closed;
  clearTimeout(impatience);
  return parse(Buffer.concat(chunks).toString('latin1'));
}

/** The last answer: an interim `100 Continue` stands before it. */
function parse(text: string): RawAnswer {
  const final = text.replace(/^(HTTP\/1\.1 1\d\d [^\r]*\r\n(?:[^\r\n]+\r\n)*\r\n)+/, '');
  const end = final.indexOf('\r\n\r\n');
  const headers = end < 0 ? final : final.slice(0, end);
  const status = Number(/^HTTP\/1\.1 (\d{3}) /.exec(headers)?.[1] ?? 0);
  return { status, headers, body: end < 0 ? '' : final.slice(end + 4) };
}
