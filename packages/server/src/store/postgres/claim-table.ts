import type { Claim, ClaimRequest } from '../driver.ts';
import type { Connections, Statement } from './connections.ts';

/**
 * Whose clock claims run by. The database's is the same for all servers; the one of each request is for tests that
 * play with time.
 */
export type ClaimClock = 'database' | 'request';

interface Standing {
  readonly fence: number;
  /** Milliseconds from the moment of the request to the end of the claim. */
  readonly remaining: number;
}

/**
 * Claims as rows, each operation one statement: whoever takes, renews or releases a claim holds its row, and PostgreSQL
 * makes the next one look at the row as that left it. Not SKIP LOCKED: a row that a commit holds for its fence is not
 * somebody else's claim, and who renews would take it for lost.
 *
 * Clocks of servers may be apart, so `until` is told in the asker's own time, counted from before it asked.
 */
export class ClaimTable {
  readonly #connections: Connections;
  readonly #clock: ClaimClock;

  constructor(connections: Connections, clock: ClaimClock) {
    this.#connections = connections;
    this.#clock = clock;
  }

  /** The rules of `takeClaim` in `../claims.ts`. */
  async take({ key, holder, now, milliseconds }: ClaimRequest): Promise<Claim | null> {
    const values = [this.#given(now), milliseconds, key, holder];
    const [standing] = await this.#connections.query<Standing>(TAKE, values);
    return standing === undefined ? null : { key, holder, fence: standing.fence, until: now + standing.remaining };
  }

  async renew(claim: Claim, request: { readonly now: number; readonly milliseconds: number }): Promise<Claim | null> {
    const { now, milliseconds } = request;
    const values = [this.#given(now), milliseconds, claim.key, claim.holder, claim.fence];
    const [standing] = await this.#connections.query<Standing>(RENEW, values);
    return standing === undefined ? null : { ...claim, until: now + standing.remaining };
  }

  async release(claim: Claim): Promise<void> {
    await this.#connections.query(RELEASE, [claim.key, claim.holder, claim.fence]);
  }

  #given(now: number): number | null {
    return this.#clock === 'request' ? now : null;
  }
}

/** `$1`: the time, or null for the database's. Read once, before any wait for the row: a claim then ends early, not late. */
const MOMENT = `moment AS MATERIALIZED (
  SELECT coalesce($1::bigint, floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint) AS now)`;

const TAKE: Statement = {
  name: 'claim take',
  text: `WITH ${MOMENT}
    INSERT INTO claim AS standing (key, holder, fence, until)
      SELECT $3, $4, 1, now + $2::bigint FROM moment
    ON CONFLICT (key) DO UPDATE SET
      holder = excluded.holder,
      fence = standing.fence
        + CASE WHEN standing.holder IS NULL OR standing.until <= excluded.until - $2::bigint THEN 1 ELSE 0 END,
      until = CASE WHEN standing.holder IS NULL OR standing.until <= excluded.until - $2::bigint
        THEN excluded.until ELSE greatest(standing.until, excluded.until) END
      WHERE standing.holder IS NULL OR standing.until <= excluded.until - $2::bigint
        OR standing.holder = excluded.holder
    RETURNING fence, until - (SELECT now FROM moment) AS remaining`,
};

const RENEW: Statement = {
  name: 'claim renew',
  text: `WITH ${MOMENT}
    UPDATE claim SET until = greatest(until, moment.now + $2::bigint) FROM moment
    WHERE key = $3 AND holder = $4 AND fence = $5
    RETURNING fence, until - moment.now AS remaining`,
};

const RELEASE: Statement = {
  name: 'claim release',
  text: 'UPDATE claim SET holder = NULL, until = 0 WHERE key = $1 AND holder = $2 AND fence = $3',
};
