import { type Batch, type CommitResult, KEPT_REVISIONS } from '../driver.ts';
import type { Connections, Statement } from './connections.ts';
import { failureOf, wasUndone } from './failures.ts';

interface Waiting {
  readonly batch: EncodedBatch;
  readonly resolve: (result: CommitResult) => void;
  readonly reject: (error: Error) => void;
}

/** A batch in the form of {@link ./commit-function.ts}, with its bodies beside it. */
interface EncodedBatch {
  readonly fences: readonly (readonly [key: string, fence: number])[];
  readonly expect: readonly (readonly [collection: string, id: string, revision: number])[];
  readonly writes: readonly { readonly place: readonly [string, string, string]; readonly body: Buffer | null }[];
  readonly size: number;
}

export interface CommitQueueOptions {
  readonly connections: Connections;
  /** Format that this rekey knows; see {@link ./schema.ts MIGRATIONS}. */
  readonly format: number;
  /** Told of the last commit of each call before the promises of its commits resolve. */
  readonly onCommit: (revision: number) => void;
}

/** Most commits in one call, and bytes of bodies: bounds how long the first of them waits for the last. */
const GROUP = 256;
const GROUP_BYTES = 4 << 20;
/** A deadlock or a failed serialization is over when the other transaction is. */
const ATTEMPTS = 5;

/**
 * Commits of this server, many in one call. All commits of all servers queue for one row, so that a second call of ours
 * on the way would only wait behind the first: while one is out, commits gather, and the next one takes all of them.
 */
export class CommitQueue {
  readonly #options: CommitQueueOptions;
  #waiting: Waiting[] = [];
  #running: Promise<void> | null = null;

  constructor(options: CommitQueueOptions) {
    this.#options = options;
  }

  commit(batch: Batch): Promise<CommitResult> {
    const encoded = encode(batch);
    return new Promise((resolve, reject) => {
      this.#waiting.push({ batch: encoded, resolve, reject });
      this.#running ??= this.#run();
    });
  }

  /** Resolves when everything that was asked for is done or has failed. */
  async drained(): Promise<void> {
    await this.#running;
  }

  /** The first group leaves a turn later, with everything that is committed in the same turn. */
  async #run(): Promise<void> {
    await null;
    while (this.#waiting.length > 0) {
      const group = this.#waiting.splice(0, sizeOfGroup(this.#waiting));
      await this.#perform(group);
    }
    this.#running = null;
  }

  /** What PostgreSQL refuses for a group (its disk is full, say) it may do for each alone: a small one is not to suffer. */
  async #perform(group: readonly Waiting[]): Promise<void> {
    try {
      const results = await this.#call(group.map(({ batch }) => batch));
      const newest = results.findLast((result) => result.committed);
      if (newest?.committed) this.#options.onCommit(newest.revision);
      for (const [at, { resolve }] of group.entries()) resolve(results[at]!);
    } catch (error) {
      const failure = failureOf(error, this.#options.connections.address.place);
      if (failure.code === 'storage-full' && group.length > 1) {
        for (const waiting of group) await this.#perform([waiting]);
      } else for (const { reject } of group) reject(failure);
    }
  }

  async #call(batches: readonly EncodedBatch[]): Promise<readonly CommitResult[]> {
    const { connections, format } = this.#options;
    const values = [format, KEPT_REVISIONS, ...encodeGroup(batches)];
    for (let attempt = 1; ; attempt += 1) {
      try {
        const [row] = await connections.attempt<{ answers: readonly (number | string)[] }>(COMMIT, values);
        return row!.answers.map(decode);
      } catch (error) {
        if (attempt >= ATTEMPTS || !wasUndone(error)) throw error;
      }
    }
  }
}

const COMMIT: Statement = { name: 'commit', text: 'SELECT commit_batches($1, $2, $3, $4) AS answers' };

/** Copies the bodies: the caller may go on with its own. */
function encode(batch: Batch): EncodedBatch {
  const writes = batch.writes.map(({ collection, id, body, index }) => ({
    place: [collection, id, body === null ? '{}' : JSON.stringify(index ?? {})] as const,
    body: body === null ? null : Buffer.from(body),
  }));
  const expected = batch.writes.flatMap(({ collection, id, expect }) =>
    expect === undefined ? [] : [[collection, id, expect] as const],
  );
  const checked = (batch.checks ?? []).map(({ collection, id, revision }) => [collection, id, revision] as const);
  return {
    fences: (batch.fences ?? []).map(({ key, fence }) => [key, fence] as const),
    expect: [...checked, ...expected],
    writes,
    size: writes.reduce((size, { body }) => size + (body?.length ?? 0), 0),
  };
}

/** As JSON with one run of bytes behind it; offsets count from 1, as `substr` does. */
function encodeGroup(batches: readonly EncodedBatch[]): readonly [json: string, bodies: Buffer] {
  const bodies: Buffer[] = [];
  let offset = 1;
  const plain = batches.map(({ fences, expect, writes }) => ({
    fences,
    expect,
    writes: writes.map(({ place, body }) => {
      if (body === null) return [...place, null, null];
      const start = offset;
      offset += body.length;
      bodies.push(body);
      return [...place, start, body.length];
    }),
  }));
  return [JSON.stringify(plain), Buffer.concat(bodies)];
}

function decode(answer: number | string): CommitResult {
  return typeof answer === 'number' ? { committed: true, revision: answer } : { committed: false, conflict: answer };
}

/** At least one, however big it is. */
function sizeOfGroup(waiting: readonly Waiting[]): number {
  let bytes = 0;
  for (const [at, { batch }] of waiting.entries()) {
    bytes += batch.size;
    if (at > 0 && (at === GROUP || bytes > GROUP_BYTES)) return at;
  }
  return waiting.length;
}
