import { type KeyObject, verify } from 'node:crypto';
import type { BreachTold } from '../../service/breach-told.ts';
import { headerOf } from '../face.ts';
import { leakedValue } from './generic.ts';
import {
  type BreachWebhook,
  MOST_TOLD,
  membersOf,
  noteOf,
  notSigned,
  notUnderstood,
  parseJson,
  textOf,
} from './webhook.ts';

/** Finds a public key of GitHub's by its identifier; null if there is none. @throws RekeyError `unavailable` */
export type FindPartnerKey = (identifier: string) => Promise<KeyObject | null>;

const KEY_HEADER = 'github-public-key-identifier';
const SIGNATURE_HEADER = 'github-public-key-signature';
/** A DER signature by P-256 has at most 72 bytes. */
const SIGNATURE = /^[A-Za-z0-9+/]{80,100}={0,2}$/;

/**
 * GitHub's secret scanning partner format: a list of `{token, type, url, source}`, signed by ECDSA P-256 over the body
 * (docs.github.com, "Secret scanning partner program"). GitHub signs no time: what is sent again is known again.
 */
export function githubPartnerWebhook(findKey: FindPartnerKey): BreachWebhook {
  return {
    name: 'github-partner',
    source: 'github-partner',
    async read(request) {
      const identifier = headerOf(request, KEY_HEADER) ?? '';
      const signature = headerOf(request, SIGNATURE_HEADER) ?? '';
      if (!/^[0-9a-f]{8,128}$/i.test(identifier) || !SIGNATURE.test(signature)) throw notSigned();
      const key = await findKey(identifier);
      const isSigned = key !== null && verify('sha256', request.body, key, Buffer.from(signature, 'base64'));
      if (!isSigned) throw notSigned();
      const told = parseJson(textOf(request));
      if (!Array.isArray(told) || told.length > MOST_TOLD) throw notUnderstood(`is no list of at most ${MOST_TOLD}`);
      return told.map(toldOf);
    },
  };
}

function toldOf(entry: unknown): BreachTold {
  const { token, type, url, source } = membersOf(entry);
  return { value: leakedValue(token), note: noteOf(type, url, source) };
}
