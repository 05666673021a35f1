import { connect, type Socket } from 'node:net';

/** What a run of load has measured. */
export interface LoadResult {
  readonly requests: number;
  readonly seconds: number;
  /** Milliseconds, one per request. */
  readonly latencies: readonly number[];
  /** Answers whose status line was not the expected one. */
  readonly unexpected: number;
}

export interface LoadOptions {
  readonly host: string;
  readonly port: number;
  /** The whole request, head and body, sent again and again. */
  readonly request: Buffer;
  readonly connections: number;
  readonly milliseconds: number;
  /** Start of every right answer. */
  readonly expected?: string;
}

/**
 * Keeps a number of connections busy with the same request, one at a time each. A generator of raw bytes: it must cost
 * little, for it shares the machine with what it measures.
 */
export async function load(options: LoadOptions): Promise<LoadResult> {
  const latencies: number[] = [];
  let unexpected = 0;
  const begun = performance.now();
  const end = begun + options.milliseconds;
  await Promise.all(
    Array.from({ length: options.connections }, () =>
      drive(options, end, (latency, right) => {
        latencies.push(latency);
        if (!right) unexpected += 1;
      }),
    ),
  );
  return { requests: latencies.length, seconds: (performance.now() - begun) / 1000, latencies, unexpected };
}

function drive(options: LoadOptions, end: number, tell: (latency: number, right: boolean) => void): Promise<void> {
  const expected = Buffer.from(options.expected ?? 'HTTP/1.1 200');
  return new Promise((resolve, reject) => {
    const socket: Socket = connect({ host: options.host, port: options.port, noDelay: true });
    let sentAt = 0;
    let received: Buffer = Buffer.alloc(0);
    const send = () => {
      sentAt = performance.now();
      socket.write(options.request);
    };
    socket.once('connect', send);
    socket.once('error', reject);
    socket.once('close', () => resolve());
    socket.on('data', (chunk: Buffer) => {
      received = received.length === 0 ? chunk : Buffer.concat([received, chunk]);
      const length = answerLength(received);
      if (length === null || received.length < length) return;
      tell(performance.now() - sentAt, received.subarray(0, expected.length).equals(expected));
      received = received.subarray(length);
      if (performance.now() >= end) socket.end();
      else send();
    });
  });
}

/** Bytes of the whole answer, once its head is there. */
function answerLength(received: Buffer): number | null {
  const head = received.indexOf('\r\n\r\n');
  if (head < 0) return null;
  const match = /\r\ncontent-length: (\d+)/i.exec(received.toString('latin1', 0, head));
  return head + 4 + Number(match?.[1] ?? 0);
}
