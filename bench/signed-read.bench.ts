import { GetSecretValueCommand, RotateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { type Benchmark, type Figure, median, percentile, round } from './figure.ts';
import { type LoadTarget, pace, saturate } from './load.ts';
import { processFigures } from './process-figures.ts';
import { expectOk, RawConnection } from './raw-connection.ts';
import { rekeyCommand } from './rekey-command.ts';
import { makeSampleFolder, sampleName } from './sample-folder.ts';
import { type ServerProcess, startServer } from './server-process.ts';
import { signedRequests } from './signed-requests.ts';

const SECRETS = 10_000;
/** Different secrets that the load goes round; each is one presigned request. */
const ASKED = 64;
const ROUNDS = 7;
const ROUND_MILLISECONDS = 2_000;
/** Enough that the server is never idle, on one core beside the load generator's. */
const CONNECTIONS = 16;

/**
 * Latency is looked at far from saturation, where a queue would hide what rotations do: a fifth of what one core
 * answers, on few connections.
 */
const PACED = { connections: 8, requestsPerSecond: 1_000, milliseconds: 5_000 };
const PACED_ROUNDS = 5;
const ROTATIONS_PER_SECOND = 20;

export const benchmark: Benchmark = {
  name: 'signed GetSecretValue, audited, 10,000 secrets in the sqlite store',
  async run() {
    const folder = await makeSampleFolder(SECRETS);
    const rekey = await startServer(rekeyCommand(folder.dataFolder));
    try {
      await readEverySecretOnce(rekey);
      return [await costOfRead(rekey), ...(await latencyBesideRotations(rekey)), memoryOf(rekey)];
    } finally {
      await rekey.stop();
      await folder.remove();
    }
  },
};

function reads(target: LoadTarget, from: number, count: number): Promise<Buffer[]> {
  const names = Array.from({ length: count }, (_, at) => sampleName(from + at));
  return signedRequests(
    target.host,
    target.port,
    names.map((name) => new GetSecretValueCommand({ SecretId: name })),
  );
}

async function readEverySecretOnce(rekey: ServerProcess): Promise<void> {
  const connection = await RawConnection.open(rekey.host, rekey.port);
  for (let from = 0; from < SECRETS; from += 1_000)
    for (const request of await reads(rekey, from, 1_000)) expectOk(await connection.exchange(request));
  connection.close();
}

/** Rounds of both servers in turn; the machine's moods then hit both, and each pair gives one ratio. */
async function costOfRead(rekey: ServerProcess): Promise<Figure> {
  const requests = await reads(rekey, 0, ASKED);
  const bare = await startServer(bareCommand(await answerTo(rekey, requests[0]!)));
  try {
    const pairs: { readonly bare: number; readonly rekey: number }[] = [];
    for (let turn = -1; turn < ROUNDS; turn++) {
      const pair = { bare: await cpuPerRequest(bare, requests), rekey: await cpuPerRequest(rekey, requests) };
      if (turn >= 0) pairs.push(pair);
    }
    const ratios = pairs.map((pair) => pair.rekey / pair.bare);
    const [bareCost, rekeyCost] = [median(pairs.map((pair) => pair.bare)), median(pairs.map((pair) => pair.rekey))];
    return {
      name: 'signed GetSecretValue: CPU against bare node:http',
      value: round(median(ratios)),
      unit: '×',
      limit: 3.2,
      must: 'stay below',
      detail: `${round(rekeyCost, 1)} µs against ${round(bareCost, 1)} µs a request; ${ROUNDS} pairs of ${ROUND_MILLISECONDS} ms, ${round(Math.min(...ratios))} to ${round(Math.max(...ratios))}; ${CONNECTIONS} connections, requests of the AWS SDK`,
    };
  } finally {
    await bare.stop();
  }
}

/** Microseconds of the server's CPU. */
async function cpuPerRequest(server: ServerProcess, requests: readonly Buffer[]): Promise<number> {
  const before = processFigures(server.processId).cpuSeconds;
  const load = { requests, connections: CONNECTIONS, milliseconds: ROUND_MILLISECONDS };
  const answered = await saturate(server, load);
  return ((processFigures(server.processId).cpuSeconds - before) * 1e6) / answered;
}

async function answerTo(server: ServerProcess, request: Buffer): Promise<Buffer> {
  const connection = await RawConnection.open(server.host, server.port);
  const answer = expectOk(await connection.exchange(request));
  connection.close();
  return answer;
}

/** What node:http adds by itself is left to it. */
function bareCommand(answer: Buffer) {
  const [head = '', body = ''] = answer.toString('utf8').split('\r\n\r\n');
  const own = /^(date|connection|keep-alive|content-length):/i;
  const lines = head.split('\r\n').slice(1);
  const headers = Object.fromEntries(lines.filter((line) => !own.test(line)).map((line) => line.split(': ')));
  return { file: './bare-server.ts', environment: { BENCH_ANSWER: JSON.stringify({ status: 200, headers, body }) } };
}

async function latencyBesideRotations(rekey: ServerProcess): Promise<readonly Figure[]> {
  const rounds: { readonly quiet: number; readonly busy: number }[] = [];
  let [finished, asked] = [0, 0];
  for (let turn = -1; turn < PACED_ROUNDS; turn++) {
    const requests = await reads(rekey, 0, ASKED);
    const quiet = percentile(await pace(rekey, { ...PACED, requests }), 0.99);
    const rotations = await rotationsOf(rekey, ASKED + (turn + 1) * perRound());
    const [latencies] = await Promise.all([pace(rekey, { ...PACED, requests }), rotations.ask()]);
    if (turn < 0) continue;
    rounds.push({ quiet, busy: percentile(latencies, 0.99) });
    asked += perRound();
    finished += await rotations.finished();
  }
  const ratios = rounds.map(({ quiet, busy }) => busy / quiet);
  const [quiet, busy] = [median(rounds.map((one) => one.quiet)), median(rounds.map((one) => one.busy))];
  const load = `${PACED.requestsPerSecond} reads/s on ${PACED.connections} connections`;
  return [
    {
      name: `the same beside ${ROTATIONS_PER_SECOND} rotations/s: p99 against quiet`,
      value: round(median(ratios)),
      unit: '×',
      limit: 2,
      must: 'stay below',
      detail: `${round(busy)} ms against ${round(quiet)} ms; ${PACED_ROUNDS} pairs of ${PACED.milliseconds} ms, ${load}`,
    },
    {
      name: 'rotations asked for meanwhile that were done',
      value: round(finished / asked, 3),
      unit: 'of all',
      limit: 0.99,
      must: 'stay above',
      detail: `${finished} of ${asked} random values`,
    },
  ];
}

function perRound(): number {
  return (ROTATIONS_PER_SECOND * PACED.milliseconds) / 1000;
}

/** Rotations of random values through the API, each of another secret; signed before the round begins. */
async function rotationsOf(rekey: ServerProcess, from: number) {
  const wanted = Array.from({ length: perRound() }, (_, at) => ({
    SecretId: sampleName(from + at),
    ClientRequestToken: crypto.randomUUID(),
  }));
  const commands = wanted.map((one) => new RotateSecretCommand({ ...one, RotationLambdaARN: 'rekey-random-value' }));
  const requests = await signedRequests(rekey.host, rekey.port, commands);
  return {
    ask: () => pace(rekey, { ...PACED, requests, connections: 2, requestsPerSecond: ROTATIONS_PER_SECOND }),
    finished: () => countCurrent(rekey, wanted),
  };
}

/** How many of the versions asked for are current by now. */
async function countCurrent(
  rekey: ServerProcess,
  wanted: readonly { readonly SecretId: string; readonly ClientRequestToken: string }[],
): Promise<number> {
  const commands = wanted.map(({ SecretId }) => new GetSecretValueCommand({ SecretId }));
  const connection = await RawConnection.open(rekey.host, rekey.port);
  let current = 0;
  for (const [at, request] of (await signedRequests(rekey.host, rekey.port, commands)).entries()) {
    const answer = expectOk(await connection.exchange(request)).toString();
    if (answer.includes(wanted[at]!.ClientRequestToken)) current += 1;
  }
  connection.close();
  return current;
}

function memoryOf(rekey: ServerProcess): Figure {
  return {
    name: 'resident memory after reading 10,000 secrets, under load',
    value: round(processFigures(rekey.processId).residentBytes / 1e6, 1),
    unit: 'MB',
    limit: 150,
    must: 'stay below',
    detail: 'rekey serve with every secret read once, after the rounds above',
  };
}
