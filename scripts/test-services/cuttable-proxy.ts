import { once } from 'node:events';
import { connect, createServer, type Server, type Socket } from 'node:net';

/** What is waited for to cut the network; without patterns left, the next answer is it. */
interface Trap {
  readonly patterns: RegExp[];
  readonly instead: 'request' | 'answer';
  reached(): void;
}

/** A TCP proxy in front of a server, whose network a test cuts, slows down or lets fall silent. */
export class CuttableProxy {
  readonly #server: Server;
  readonly #target: { readonly host: string; readonly port: number };
  readonly #sockets = new Set<Socket>();
  #state: 'open' | 'cut' | 'silent' = 'open';
  /** Milliseconds by which answers are held back. */
  #delay = 0;
  #made = 0;
  #trap: Trap | null = null;
  #silence: { readonly at: number; reached(): void } | null = null;

  private constructor(target: { readonly host: string; readonly port: number }) {
    this.#target = target;
    this.#server = createServer((socket) => this.#forward(socket));
  }

  /** On a free port of the loopback. */
  static async before(target: { readonly host: string; readonly port: number }): Promise<CuttableProxy> {
    const proxy = new CuttableProxy(target);
    await once(proxy.#server.listen(0, '127.0.0.1'), 'listening');
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as { port: number }).port;
  }

  /** Connections break at once, and new ones are broken as soon as they are made. */
  cut(): void {
    this.#state = 'cut';
    for (const socket of this.#sockets) socket.destroy();
  }

  /** Nothing arrives any more and nobody is told: what a switched-off router does. */
  fallSilent(): void {
    this.#state = 'silent';
    for (const socket of this.#sockets) socket.pause();
  }

  /** Connections that were let through so far. */
  get connections(): number {
    return this.#made;
  }

  /**
   * Is cut when what is said to the target has matched the patterns one after the other: at the last one, before it
   * arrives (`request`) or instead of its answer (`answer`). Resolves then.
   */
  cutAt(patterns: readonly RegExp[], instead: 'request' | 'answer'): Promise<void> {
    return new Promise((reached) => {
      this.#trap = { patterns: [...patterns], instead, reached };
    });
  }

  /** Falls silent when so many more connections have been made; resolves then. */
  fallSilentAfter(connections: number): Promise<void> {
    return new Promise((reached) => {
      this.#silence = { at: this.#made + connections, reached };
    });
  }

  /** Holds back every answer so long; milliseconds. */
  slowDown(milliseconds: number): void {
    this.#delay = milliseconds;
  }

  /** Connections that fell silent deliver what was on its way; cut ones have to be made anew. */
  mend(): void {
    this.#state = 'open';
    for (const socket of this.#sockets) socket.resume();
  }

  async close(): Promise<void> {
    this.cut();
    this.#server.close();
    await once(this.#server, 'close');
  }

  #forward(near: Socket): void {
    if (this.#state === 'cut') {
      near.destroy();
      return;
    }
    this.#made += 1;
    const far = connect(this.#target);
    this.#join(near, far, 'request', () => 0);
    this.#join(far, near, 'answer', () => this.#delay);
    if (this.#made === this.#silence?.at) {
      this.fallSilent();
      this.#silence.reached();
    }
    if (this.#state === 'silent') for (const socket of [near, far]) socket.pause();
  }

  #isCutBy(data: Buffer, way: 'request' | 'answer'): boolean {
    const trap = this.#trap;
    if (trap === null) return false;
    const [next] = trap.patterns;
    if (next === undefined) return way === 'answer';
    if (way === 'answer' || !next.test(data.toString('latin1'))) return false;
    trap.patterns.shift();
    return trap.patterns.length === 0 && trap.instead === 'request';
  }

  #spring(): void {
    const trap = this.#trap;
    this.#trap = null;
    this.cut();
    trap?.reached();
  }

  /** No `pipe`: it would resume what a test has paused. What was said before a hanging up arrives before it. */
  #join(from: Socket, to: Socket, way: 'request' | 'answer', delay: () => number): void {
    this.#sockets.add(from);
    from.on('data', (data) => {
      if (this.#isCutBy(data, way)) this.#spring();
      else later(delay(), () => to.writable && to.write(data));
    });
    from.on('error', () => {});
    from.on('end', () => later(delay(), () => to.end()));
    from.on('close', () => {
      this.#sockets.delete(from);
      later(delay(), () => to.destroySoon());
    });
  }
}

function later(milliseconds: number, act: () => void): void {
  if (milliseconds > 0) setTimeout(act, milliseconds);
  else act();
}
