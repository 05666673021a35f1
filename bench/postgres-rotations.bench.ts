import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { RotateSecretCommand } from '@aws-sdk/client-secrets-manager';
import { SecretsClient } from '@rekey/client';
import { silentLogger } from '@rekey/core';
import { type RunningRekey, startRekey } from '../packages/server/dist/compose.js';
import { readConfig } from '../packages/server/dist/config/config.js';
import { type Benchmark, median, round } from './figure.ts';
import { ADMIN, APPLICATION_PASSWORD, type RolesDatabase, startRolesDatabase } from './postgres-roles.ts';
import { expectOk, RawConnection } from './raw-connection.ts';
import { forRole, type RecordedSession, recordSessions, replay } from './recorded-sessions.ts';
import { ROOT } from './rekey-command.ts';
import { signedRequests } from './signed-requests.ts';

const CONCURRENCY = 4;
/** Rotations a round; the rounds of both come to 200 each. */
const PER_ROUND = 50;
const ROUNDS = 4;

const ROTATED = namesOf('rotated', PER_ROUND);
const BARE = namesOf('bare', PER_ROUND);

/**
 * Whole rotations: the pending password set by the admin, tested by a login of its own, promoted, the old one revoked
 * by the admin and seen to be refused. The bare loop sends the same statements through the same driver in the same
 * process, recorded from a rotation; it keeps no record, needs no fsync and makes no password.
 */
export const benchmark: Benchmark = {
  name: 'PostgreSQL rotations, alternating users, four at a time',
  async run() {
    const folder = await mkdtemp(join(tmpdir(), 'rekey-bench-'));
    const database = await startRolesDatabase([...ROTATED, ...BARE]);
    const ends = new Ends();
    const rekey = await openRekey(folder, ends);
    try {
      await putSecrets(rekey, database);
      const rotate = (names: readonly string[]) => rotateAll(rekey, ends, names);
      const recorded = await recordRotations(rotate);
      for (const first of recorded.slice(0, 2)) await replayAll(database, first);
      return [await compared(rotate, (turn) => replayAll(database, recorded[2 + (turn % 2)]!), recorded[2]!)];
    } finally {
      await rekey.stop();
      await database.stop();
      await rm(folder, { recursive: true, force: true });
    }
  },
};

function namesOf(kind: string, count: number): readonly string[] {
  return Array.from({ length: count }, (_, at) => `${kind}_${String(at + 1).padStart(3, '0')}`);
}

/** Counts rotations that have come to their end. */
class Ends {
  #count = 0;
  #wanted = 0;
  #reached: () => void = () => {};

  readonly hook = (boundary: string): void => {
    if (boundary === 'after:end') this.#count += 1;
    if (this.#count >= this.#wanted) this.#reached();
  };

  next(count: number): Promise<void> {
    this.#wanted = this.#count + count;
    return new Promise((resolve) => {
      this.#reached = resolve;
    });
  }
}

async function openRekey(folder: string, ends: Ends): Promise<RunningRekey> {
  const config = await readConfig({ data: folder, init: true, listen: '127.0.0.1:0' }, {});
  const concurrency = { rotationConcurrency: CONCURRENCY, rotationConcurrencyPerTarget: CONCURRENCY };
  const environment = {
    REKEY_ROOT_ACCESS_KEY_ID: ROOT.accessKeyId,
    REKEY_ROOT_SECRET_ACCESS_KEY: ROOT.secretAccessKey,
  };
  return startRekey({ ...config, ...concurrency }, { log: silentLogger, environment, boundary: ends.hook });
}

async function putSecrets(rekey: RunningRekey, { host, port, database }: RolesDatabase): Promise<void> {
  const client = new SecretsClient({ endpoint: rekey.endpoint, region: rekey.region, credentials: ROOT });
  const target = { engine: 'postgres', host, port, dbname: database, ssl: false };
  const put = (Name: string, value: object) =>
    client.call('CreateSecret', { Name, SecretString: JSON.stringify({ ...target, ...value }) });
  await put('admin', ADMIN);
  for (const username of ROTATED) {
    await put(username, { username, password: APPLICATION_PASSWORD, masterarn: 'admin' });
    const wish = { rotator: 'postgres', strategy: 'alternating-users', overlap: '0s', usernameMayChange: true };
    await client.native('PUT', `/rekey/secrets/${username}/rotation`, wish);
  }
}

/** Asks for a rotation of each, and waits until the last has ended. */
async function rotateAll(rekey: RunningRekey, ends: Ends, names: readonly string[]): Promise<number> {
  const { hostname, port } = new URL(rekey.endpoint);
  const commands = names.map((SecretId) => new RotateSecretCommand({ SecretId }));
  const requests = await signedRequests(hostname, Number(port), commands);
  const connection = await RawConnection.open(hostname, Number(port));
  const begun = performance.now();
  const ended = ends.next(names.length);
  for (const request of requests) expectOk(await connection.exchange(request));
  await ended;
  connection.close();
  return (performance.now() - begun) / 1000;
}

/**
 * Four rotations of one secret as SQL: the first makes the alternate role, the third and fourth are what is measured,
 * there and back again. The others are brought to the same place.
 */
async function recordRotations(rotate: (names: readonly string[]) => Promise<number>) {
  const recorded: (readonly RecordedSession[])[] = [];
  for (let turn = 0; turn < 4; turn++)
    recorded.push(await recordSessions(async () => void (await rotate(ROTATED.slice(0, 1)))));
  for (let turn = 0; turn < 2; turn++) await rotate(ROTATED.slice(1));
  return recorded;
}

/** Every bare role goes the way the recorded one went, {@link CONCURRENCY} at a time. */
async function replayAll(database: RolesDatabase, recorded: readonly RecordedSession[]): Promise<number> {
  const waiting = BARE.map((role) => forRole(recorded, ROTATED[0]!, role));
  const work = async () => {
    for (let next = waiting.shift(); next !== undefined; next = waiting.shift()) await replay(database, next);
  };
  const begun = performance.now();
  await Promise.all(Array.from({ length: CONCURRENCY }, work));
  return (performance.now() - begun) / 1000;
}

async function compared(
  rotate: (names: readonly string[]) => Promise<number>,
  bare: (turn: number) => Promise<number>,
  recorded: readonly RecordedSession[],
) {
  const rounds: { readonly rekey: number; readonly bare: number }[] = [];
  for (let turn = 0; turn < ROUNDS; turn++)
    rounds.push({ bare: PER_ROUND / (await bare(turn)), rekey: PER_ROUND / (await rotate(ROTATED)) });
  const ratios = rounds.map((one) => one.rekey / one.bare);
  const [ours, theirs] = [median(rounds.map((one) => one.rekey)), median(rounds.map((one) => one.bare))];
  const logins = recorded.map(
    ({ user, refused, statements }) => `${user}${refused ? ' refused' : ` ${statements.length} statements`}`,
  );
  return {
    name: `rotations/s, ${CONCURRENCY} at a time, against a bare loop of the same SQL and logins`,
    value: round(median(ratios)),
    unit: '×',
    limit: 0.8,
    must: 'stay above',
    detail: `${round(ours, 1)} against ${round(theirs, 1)} a second; ${ROUNDS} pairs of ${PER_ROUND}, ${round(Math.min(...ratios))} to ${round(Math.max(...ratios))}; logins: ${logins.join(', ')}`,
  } as const;
}
