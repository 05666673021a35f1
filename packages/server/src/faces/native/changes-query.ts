import { parseDuration, RekeyError } from '@rekey/core';
import type { ChangesWish } from '../../service/changes.ts';

/** Shorter than the 60 seconds after which common load balancers give a silent connection up. Milliseconds. */
const LONGEST_WAIT = 55_000;
/** Secrets named in one request. */
const MOST_SECRETS = 200;
const LONGEST_NAME = 2_048;

/**
 * Reads the query of `GET /rekey/changes`: `after`, `wait` (`30s`), and `secret` once for each name.
 *
 * @throws RekeyError `invalid-input`
 */
export function readChangesQuery(query: URLSearchParams): ChangesWish {
  const after = query.get('after');
  const wait = query.get('wait');
  const secrets = query.getAll('secret');
  if (after !== null && !/^\d{1,15}$/.test(after)) throw invalid('after takes what an answer before gave as after.');
  if (secrets.length > MOST_SECRETS || secrets.some((name) => name === '' || name.length > LONGEST_NAME))
    throw invalid(`secret takes names or ARNs of secrets, at most ${MOST_SECRETS} in one request.`);
  return {
    after: after === null ? null : Number(after),
    secrets,
    wait: wait === null ? 0 : parseDuration(wait, { what: 'wait', max: LONGEST_WAIT }),
  };
}

function invalid(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'malformed-query' });
}
