import { RekeyError } from '@rekey/core';
import type { BreachTold } from '../../service/breach-told.ts';
import type { BreachSource } from '../../store/breach-record.ts';
import type { FaceRequest } from '../face.ts';

/** One configured way in. Its path is `/breach/<name>`. */
export interface BreachWebhook {
  readonly name: string;
  readonly source: BreachSource;
  /**
   * Proves who sent the request, and reads what it tells of.
   *
   * @throws RekeyError `unauthenticated`; `invalid-input` for what is signed and not understood; `unavailable` where it
   *   cannot be told now
   */
  read(request: FaceRequest): Promise<readonly BreachTold[]>;
}

/** Values told of in one request. */
export const MOST_TOLD = 100;
/** Longest value of a secret, in bytes. */
export const LONGEST_VALUE = 65_536;
const LONGEST_NOTE = 500;

/** What every refused signature is answered with: nothing about which part of it was wrong. */
export function notSigned(): RekeyError {
  return new RekeyError('unauthenticated', 'The signature of this webhook is missing or wrong.', {
    reason: 'webhook-signature',
  });
}

export function notUnderstood(what: string): RekeyError {
  return new RekeyError('invalid-input', `The webhook's body ${what}.`, { reason: 'webhook-body' });
}

/** @throws RekeyError that says so, and nothing of the content */
export function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    throw notUnderstood('is not JSON');
  }
}

/** The body as text; what is not UTF-8 was not signed as text. */
export function textOf({ body }: FaceRequest): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(body);
  } catch {
    throw notSigned();
  }
}

/** A text of somebody else's for the report: short, and without control characters. */
export function noteOf(...parts: readonly unknown[]): string | null {
  const texts = parts.filter((part) => typeof part === 'string' && part !== '');
  return texts.length === 0
    ? null
    : texts
        .join(' ')
        .replace(/\p{Cc}/gu, ' ')
        .slice(0, LONGEST_NOTE);
}

export function membersOf(value: unknown): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw notUnderstood('does not have the form that was expected');
}
