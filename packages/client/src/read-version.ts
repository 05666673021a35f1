/** One version as it was read. Printing, logging or serialising it shows its id and never its value. */
export class ReadVersion<T> {
  readonly versionId: string;
  readonly #value: T;

  constructor(versionId: string, value: T) {
    this.versionId = versionId;
    this.#value = value;
  }

  get value(): T {
    return this.#value;
  }
}
