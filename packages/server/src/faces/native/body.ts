import { RekeyError } from '@rekey/core';
import type { FaceRequest } from '../face.ts';

/** More than any request has; whoever reads a body goes down by calling himself. */
const MOST_LEVELS = 64;
/** JSON may name a member so, but what reads bodies passes over it in silence. */
const PASSED_OVER = '__proto__';

/**
 * The JSON of a request's body; undefined where there is none.
 *
 * @throws RekeyError `invalid-input`, reason `malformed-body`
 */
export function parseBody({ body }: Pick<FaceRequest, 'body'>): unknown {
  if (body.length === 0) return undefined;
  const value = parseJson(body);
  checkMembers(value);
  return value;
}

function parseJson(body: Uint8Array): unknown {
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(body));
  } catch {
    throw malformed('the body is not JSON in UTF-8.');
  }
}

/** Level by level, not by recursion: how deep the body is, is what is asked. */
function checkMembers(value: unknown): void {
  let level = [value];
  for (let depth = 0; level.length > 0; depth += 1) {
    if (depth > MOST_LEVELS) throw malformed(`the body is nested more than ${MOST_LEVELS} levels deep.`);
    const below: unknown[] = [];
    for (const item of level) {
      if (typeof item !== 'object' || item === null) continue;
      if (Object.hasOwn(item, PASSED_OVER))
        throw malformed(`the body has a member "${PASSED_OVER}"; take another name.`);
      for (const member of Object.values(item)) below.push(member);
    }
    level = below;
  }
}

function malformed(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'malformed-body' });
}
