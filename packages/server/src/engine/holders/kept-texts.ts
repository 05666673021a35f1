/** Texts of the same content that are kept as one; beyond it they are kept one by one. */
const REMEMBERED = 2_000;

/**
 * One copy of each text that outlives its request. Access key ids, addresses and user agents are the same for thousands
 * of holders; and a part cut out of a header would keep the whole header alive (V8 lets it point into it).
 */
export class KeptTexts {
  readonly #texts = new Map<string, string>();

  kept<T extends string | null>(text: T): T {
    if (text === null) return text;
    const known = this.#texts.get(text);
    if (known !== undefined) return known as T;
    const copy = Buffer.from(text).toString();
    if (this.#texts.size < REMEMBERED) this.#texts.set(copy, copy);
    return copy as T;
  }
}
