import type { KeyObject } from 'node:crypto';
import { SIGNATURE_HEADER, verifyWebhook } from '../../engine/alerts/webhook.ts';
import type { BreachTold } from '../../service/breach-told.ts';
import { headerOf } from '../face.ts';
import {
  type BreachWebhook,
  LONGEST_VALUE,
  MOST_TOLD,
  membersOf,
  noteOf,
  notSigned,
  notUnderstood,
  parseJson,
  textOf,
} from './webhook.ts';

/** A scanner of one's own: `{"value": "…"}` or `{"values": ["…"]}`, and a `note`. */
export interface GenericWebhookOptions {
  readonly name: string;
  /** Shared with the sender. */
  readonly secret: KeyObject;
  readonly now: () => number;
}

/** Signed as rekey signs its own alerts: time and body together, not longer ago than five minutes. */
export function genericWebhook({ name, secret, now }: GenericWebhookOptions): BreachWebhook {
  return {
    name,
    source: 'webhook',
    async read(request) {
      const text = textOf(request);
      const header = headerOf(request, SIGNATURE_HEADER) ?? '';
      if (!verifyWebhook(text, header, secret, Math.floor(now() / 1_000))) throw notSigned();
      const { value, values = [value], note } = membersOf(parseJson(text));
      if (!Array.isArray(values) || values.length > MOST_TOLD)
        throw notUnderstood(`takes value, or values as a list of at most ${MOST_TOLD}`);
      return values.map((leaked): BreachTold => ({ value: leakedValue(leaked), note: noteOf(note) }));
    },
  };
}

export function leakedValue(leaked: unknown): string {
  if (typeof leaked !== 'string' || leaked === '') throw notUnderstood('has a value that is no text');
  if (Buffer.byteLength(leaked) > LONGEST_VALUE) throw notUnderstood(`has a value of more than ${LONGEST_VALUE} bytes`);
  return leaked;
}
