import { once } from 'node:events';
import { type AddressInfo, connect, createServer, type Server, type Socket } from 'node:net';

/** A server of PostgreSQL's protocol that answers a start-up as told; for what a real server cannot be made to say. */
export interface FakeWire {
  readonly port: number;
  close(): Promise<void>;
}

/** Message kinds and codes: PostgreSQL manual, 53.7. */
export const authenticationOk = message('R', int32(0));
export const asksForClearPassword = message('R', int32(3));

/** An ErrorResponse with this SQLSTATE. */
export function errorResponse(sqlState: string): Buffer {
  const fields = [`SFATAL`, `VFATAL`, `C${sqlState}`, 'Mwords that say nothing'];
  return message('E', Buffer.from(`${fields.map((field) => `${field}\0`).join('')}\0`));
}

/** Answers each connection's first message with these bytes; null is silence, `hang up` closes. */
export function answering(answer: Buffer | null | 'hang up'): Promise<FakeWire> {
  return listening((socket) => {
    socket.once('data', () => {
      if (answer === 'hang up') socket.destroy();
      else if (answer !== null) socket.end(answer);
    });
  });
}

/** Passes everything on to a real server, until `cut` says to drop the connection; stands in for networks and poolers. */
export function passingTo(port: number, cut: (sent: Buffer) => boolean = () => false): Promise<FakeWire> {
  return listening((socket) => {
    const server = connect(port, '127.0.0.1');
    server.on('error', () => socket.destroy());
    socket.on('close', () => server.destroy());
    server.on('close', () => socket.destroy());
    let lost = false;
    socket.on('data', (sent) => {
      lost ||= cut(sent);
      server.write(sent);
    });
    server.on('data', (answer) => (lost ? socket.destroy() : socket.write(answer)));
  });
}

async function listening(onConnection: (socket: Socket) => void): Promise<FakeWire> {
  const open = new Set<Socket>();
  const server: Server = createServer((socket) => {
    open.add(socket);
    socket.on('error', () => undefined);
    onConnection(socket);
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    port: (server.address() as AddressInfo).port,
    close: async () => {
      for (const socket of open) socket.destroy();
      server.close();
      await once(server, 'close');
    },
  };
}

function message(kind: string, body: Buffer): Buffer {
  return Buffer.concat([Buffer.from(kind), int32(body.length + 4), body]);
}

function int32(value: number): Buffer {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
}
