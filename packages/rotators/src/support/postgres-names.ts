import { createHash } from 'node:crypto';
import { badMember } from './credential.ts';

/** PostgreSQL cuts identifiers at this many bytes (NAMEDATALEN - 1), silently. */
export const LONGEST_NAME_BYTES = 63;
const SUFFIX = '_clone';

/** A name as SQL reads it back unchanged, whatever it contains. PostgreSQL manual, 4.1.1. */
export function quoteIdentifier(name: string): string {
  return `"${name.replaceAll('"', '""')}"`;
}

/** A string constant, safe under either setting of standard_conforming_strings. PostgreSQL manual, 4.1.2. */
export function quoteLiteral(text: string): string {
  const quoted = `'${text.replaceAll("'", "''")}'`;
  return text.includes('\\') ? `E${quoted.replaceAll('\\', '\\\\')}` : quoted;
}

/** Refuses names the server would cut or cannot hold; without this, one role could be taken for another. */
export function checkRoleName(name: string, member: string): string {
  if (Buffer.byteLength(name) > LONGEST_NAME_BYTES)
    throw badMember(member, `is longer than ${LONGEST_NAME_BYTES} bytes`);
  if (name.includes('\0')) throw badMember(member, 'contains a zero byte');
  return name;
}

/**
 * Name of the alternate role: `<name>_clone`, or where that is too long, as much of the name as fits (never half a
 * character), eight digits of its hash and the suffix, so that two long names that begin alike stay apart.
 */
export function alternateNameOf(original: string): string {
  const plain = `${original}${SUFFIX}`;
  if (Buffer.byteLength(plain) <= LONGEST_NAME_BYTES) return plain;
  const tail = `_${createHash('sha256').update(original).digest('hex').slice(0, 8)}${SUFFIX}`;
  return `${cutToBytes(original, LONGEST_NAME_BYTES - tail.length)}${tail}`;
}

function cutToBytes(text: string, limit: number): string {
  let kept = '';
  for (const character of text) {
    if (Buffer.byteLength(kept + character) > limit) break;
    kept += character;
  }
  return kept;
}
