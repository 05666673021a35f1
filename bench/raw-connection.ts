import { once } from 'node:events';
import { connect, type Socket } from 'node:net';

/** An HTTP/1.1 connection that sends bytes made beforehand, one request at a time: it must cost little itself. */
export class RawConnection {
  readonly #socket: Socket;
  #received: Buffer = Buffer.alloc(0);
  #waiting: PromiseWithResolvers<Buffer> | null = null;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('error', (error) => this.#waiting?.reject(error));
    socket.on('close', () => this.#waiting?.reject(new Error('the server closed the connection')));
  }

  static async open(host: string, port: number): Promise<RawConnection> {
    const socket = connect({ host, port, noDelay: true });
    await once(socket, 'connect');
    return new RawConnection(socket);
  }

  /** Sends a whole request and resolves with the whole answer, head and body. */
  exchange(request: Buffer): Promise<Buffer> {
    this.#waiting = Promise.withResolvers();
    this.#socket.write(request);
    return this.#waiting.promise;
  }

  close(): void {
    this.#waiting = null;
    this.#socket.destroy();
  }

  #take(chunk: Buffer): void {
    const received = this.#received.length === 0 ? chunk : Buffer.concat([this.#received, chunk]);
    const length = answerLength(received);
    this.#received = received;
    if (length === null || received.length < length) return;
    this.#received = received.subarray(length);
    this.#waiting?.resolve(received.subarray(0, length));
  }
}

/** Bytes of the whole answer, once its head is there. */
function answerLength(received: Buffer): number | null {
  const head = received.indexOf('\r\n\r\n');
  if (head < 0) return null;
  const match = /\r\ncontent-length: (\d+)/i.exec(received.toString('latin1', 0, head));
  return head + 4 + Number(match?.[1] ?? 0);
}

const OK = Buffer.from('HTTP/1.1 200 ');

export function isOk(answer: Buffer): boolean {
  return answer.subarray(0, OK.length).equals(OK);
}

/** @throws Error with the answer's text, so that a benchmark never measures refusals. */
export function expectOk(answer: Buffer): Buffer {
  if (!isOk(answer)) throw new Error(`the server refused: ${answer.toString('utf8', 0, 500)}`);
  return answer;
}
