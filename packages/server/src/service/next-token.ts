import type { Keyring } from '../seal/keyring.ts';
import { invalidInput } from './refusals.ts';

/** Where a listing stopped: sort value and id of the last item seen. It stays right when items come and go. */
export interface ListPlace {
  readonly value: string;
  readonly id: string;
}

/** By value, then by id. */
export function comparePlaces(a: ListPlace, b: ListPlace): number {
  if (a.value !== b.value) return a.value < b.value ? -1 : 1;
  if (a.id === b.id) return 0;
  return a.id < b.id ? -1 : 1;
}

const PURPOSE = 'next-token';
const FORM = /^[A-Za-z0-9_-]{1,4096}$/;

/** Makes and reads the tokens that carry a listing from page to page: sealed, and good for the same question only. */
export class NextTokens {
  readonly #keyring: Keyring;

  constructor(keyring: Keyring) {
    this.#keyring = keyring;
  }

  /** @param question everything that decides what is listed and how it is sorted, but not how much at a time */
  make(question: string, { value, id }: ListPlace): string {
    const plain = Buffer.from(JSON.stringify([value, id]));
    return Buffer.from(this.#keyring.seal(PURPOSE, question, plain)).toString('base64url');
  }

  /** @throws RekeyError `invalid-input` (reason `next-token-invalid`) for anything but a token of the same question */
  read(question: string, token: string): ListPlace {
    const envelope = Buffer.from(token, 'base64url');
    if (!FORM.test(token) || envelope.toString('base64url') !== token) throw invalidToken();
    try {
      const plain = this.#keyring.open(PURPOSE, question, envelope);
      const [value, id] = JSON.parse(Buffer.from(plain).toString('utf8')) as [string, string];
      return { value, id };
    } catch {
      throw invalidToken();
    }
  }
}

function invalidToken() {
  return invalidInput('next-token-invalid', 'The token for the next page is not one that this listing gave out.');
}
