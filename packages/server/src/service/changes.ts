import { type Caller, CURRENT, RekeyError } from '@rekey/core';
import type { ChangeStream, CurrentChange } from '../engine/changes/change-stream.ts';
import { translateLabel } from './aws-labels.ts';
import type { ServiceParts } from './parts.ts';
import type { Permissions } from './permit.ts';
import type { UseCases } from './use-case.ts';

export interface ChangesWish {
  /** Where to go on; null for now. */
  readonly after: number | null;
  /** Names or ARNs; empty for all that the caller may read. */
  readonly secrets: readonly string[];
  /** How long to wait for something to tell; milliseconds. */
  readonly wait: number;
}

/** Secrets with a new current version. A secret may be told again with a version that was told before: compare. */
export interface ChangesAnswer {
  readonly changes: readonly Pick<CurrentChange, 'name' | 'arn' | 'versionId'>[];
  /** Where to go on. */
  readonly after: string;
  /** True when changes may have been missed: read again whatever you hold. */
  readonly reset: boolean;
}

/** Those who wait at one server, and those of them that are one principal: each costs a connection and some memory. */
export const MOST_WAITING = 10_000;
export const MOST_WAITING_OF_PRINCIPAL = 2_000;

const WATCH = 'rekey:WatchChanges';
const READ = 'secretsmanager:GetSecretValue';
const KEYS = { 'secretsmanager:VersionStage': translateLabel(CURRENT) };

/**
 * The use case behind the stream of changes. Whoever may listen hears of those secrets whose current value they may read:
 * that is decided secret by secret, when there is something to tell.
 */
export class ChangeCases {
  readonly #parts: ServiceParts;
  readonly #stream: ChangeStream;
  readonly #cases: UseCases;
  readonly #permissions: Permissions;
  readonly #waiting = new Map<string, number>();

  constructor(parts: ServiceParts, cases: UseCases, permissions: Permissions) {
    this.#parts = parts;
    this.#stream = parts.changes;
    this.#cases = cases;
    this.#permissions = permissions;
  }

  /** @param gone aborted when the caller hangs up: his place is free at once for when he comes back */
  next(caller: Caller, wish: ChangesWish, gone?: AbortSignal): Promise<ChangesAnswer> {
    return this.#cases.onName({ caller, action: WATCH, name: '*' }, async () => {
      if (wish.after === null) return answer([], await this.#stream.position(), false);
      return this.#counted(caller, () => this.#next(caller, { ...wish, after: wish.after ?? 0 }, gone));
    });
  }

  async #next(
    caller: Caller,
    { after, secrets, wait }: ChangesWish & { after: number },
    gone: AbortSignal | undefined,
  ): Promise<ChangesAnswer> {
    const { clock } = this.#parts;
    const deadline = clock.now() + wait;
    const wanted = new Set(secrets);
    let at = after;
    for (;;) {
      const { changes, reached, reset, more } = await this.#stream.read(at);
      const told = await this.#visible(caller, wanted, changes);
      const isOver = this.#stream.isClosed || gone?.aborted === true || clock.now() >= deadline;
      if (told.length > 0 || reset || (isOver && !more)) return answer(told, reached, reset);
      at = reached;
      if (!more) await this.#stream.next(at, deadline - clock.now(), gone);
    }
  }

  async #visible(
    caller: Caller,
    wanted: ReadonlySet<string>,
    changes: readonly CurrentChange[],
  ): Promise<readonly CurrentChange[]> {
    const visible: CurrentChange[] = [];
    for (const change of changes) {
      if (wanted.size > 0 && !wanted.has(change.name) && !wanted.has(change.arn)) continue;
      if (await this.#mayRead(caller, change)) visible.push(change);
    }
    return visible;
  }

  async #mayRead(caller: Caller, { secretId, arn }: CurrentChange): Promise<boolean> {
    const secret = (await this.#parts.store.get('secret', secretId))?.record ?? null;
    if (secret === null) return false;
    const question = { caller, action: READ, resource: arn, asked: arn, secret, tags: [], keys: KEYS };
    return (await this.#permissions.decide(question)).allowed;
  }

  async #counted<T>({ principal }: Caller, work: () => Promise<T>): Promise<T> {
    const own = this.#waiting.get(principal.arn) ?? 0;
    if (this.#stream.waiting >= MOST_WAITING || own >= MOST_WAITING_OF_PRINCIPAL)
      throw new RekeyError(
        'limit-exceeded',
        'Too many wait for changes here; ask again later, or for several secrets in one request.',
        {
          reason: 'too-many-waiting',
        },
      );
    this.#waiting.set(principal.arn, own + 1);
    try {
      return await work();
    } finally {
      const left = (this.#waiting.get(principal.arn) ?? 1) - 1;
      if (left > 0) this.#waiting.set(principal.arn, left);
      else this.#waiting.delete(principal.arn);
    }
  }
}

function answer(changes: readonly CurrentChange[], reached: number, reset: boolean): ChangesAnswer {
  const told = changes.map(({ name, arn, versionId }) => ({ name, arn, versionId }));
  return { changes: told, after: String(reached), reset };
}
