import { expectOk, RawConnection } from './raw-connection.ts';

export interface LoadTarget {
  readonly host: string;
  readonly port: number;
}

export interface SaturatingLoad {
  /** Whole requests, head and body; each connection goes round them, beginning at its own place. */
  readonly requests: readonly Buffer[];
  readonly connections: number;
  readonly milliseconds: number;
}

/** Keeps every connection busy and returns the number of requests answered. A refusal ends the benchmark. */
export async function saturate(target: LoadTarget, load: SaturatingLoad): Promise<number> {
  const end = performance.now() + load.milliseconds;
  let answered = 0;
  await onConnections(target, load.connections, async (connection, place) => {
    for (let at = place; performance.now() < end; at += load.connections) {
      expectOk(await connection.exchange(load.requests[at % load.requests.length]!));
      answered += 1;
    }
  });
  return answered;
}

export interface PacedLoad {
  readonly requests: readonly Buffer[];
  readonly connections: number;
  /** Of all connections together. */
  readonly requestsPerSecond: number;
  readonly milliseconds: number;
}

/**
 * Sends at a fixed pace and returns each request's latency in milliseconds. A request that could not be sent when it
 * was due, because the one before was not answered yet, counts from when it was due: a stall is not left out because
 * nobody could ask during it.
 */
export async function pace(target: LoadTarget, load: PacedLoad): Promise<readonly number[]> {
  const latencies: number[] = [];
  const interval = (load.connections * 1000) / load.requestsPerSecond;
  const begun = performance.now();
  await onConnections(target, load.connections, async (connection, place) => {
    let due = begun + (place * interval) / load.connections;
    for (let at = place; due < begun + load.milliseconds; due += interval, at += load.connections) {
      const idle = await until(due);
      const from = idle ? performance.now() : due;
      expectOk(await connection.exchange(load.requests[at % load.requests.length]!));
      latencies.push(performance.now() - from);
    }
  });
  return latencies;
}

/** False if the moment is over already. */
async function until(due: number): Promise<boolean> {
  const wait = due - performance.now();
  if (wait <= 0) return false;
  await new Promise((resolve) => setTimeout(resolve, wait));
  return true;
}

async function onConnections(
  { host, port }: LoadTarget,
  count: number,
  work: (connection: RawConnection, place: number) => Promise<void>,
): Promise<void> {
  const connections = await Promise.all(Array.from({ length: count }, () => RawConnection.open(host, port)));
  try {
    await Promise.all(connections.map(work));
  } finally {
    for (const connection of connections) connection.close();
  }
}
