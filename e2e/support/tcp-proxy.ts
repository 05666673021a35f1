import { connect, createServer, type Socket } from 'node:net';
import { atEnd, type Cleanup } from './cleanup.ts';

/** A road to a target that can be slow or closed. */
export interface TcpProxy {
  readonly port: number;
  /** `slow` holds back every answer for the given milliseconds; `closed` cuts what is open and takes nothing new. */
  set(road: { readonly slow?: number; readonly closed?: boolean }): void;
}

/** Starts a proxy to a port on this machine. */
export async function startProxy(test: Cleanup, target: number): Promise<TcpProxy> {
  const open = new Set<Socket>();
  let road: { readonly slow?: number; readonly closed?: boolean } = {};
  const server = createServer((near) => {
    if (road.closed) return near.destroy();
    const far = connect(target, '127.0.0.1');
    for (const socket of [near, far]) {
      open.add(socket);
      socket.on('error', () => {}).on('close', () => open.delete(socket));
    }
    // What the target said before it hung up arrives before the hanging up does.
    const later = (act: () => void) => setTimeout(act, road.slow ?? 0);
    near.on('data', (chunk) => far.write(chunk)).on('close', () => far.destroy());
    far.on('data', (chunk) => later(() => near.writable && near.write(chunk)));
    far.on('close', () => later(() => near.destroySoon()));
    return undefined;
  });
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
  atEnd(test, async () => {
    for (const socket of open) socket.destroy();
    await new Promise((closed) => server.close(closed));
  });
  return {
    port: (server.address() as { port: number }).port,
    set(next) {
      road = next;
      if (next.closed) for (const socket of open) socket.destroy();
    },
  };
}
