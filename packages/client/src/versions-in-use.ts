/** Something that goes on using versions for a while after a newer one is current: a pool with connections. */
export interface VersionUser {
  /** Tells that a version is in use by it no longer, or anew. */
  changed(): void;
  /** It uses none any more. */
  end(): void;
}

/** Versions remembered in their order; a pool that holds on to an older one than these counts as holding the oldest. */
const REMEMBERED = 50;

/** Knows which versions are still in use, and in which order they came. */
export class VersionsInUse {
  readonly #users = new Set<() => Iterable<string>>();
  readonly #onChange: () => void;
  #order: string[] = [];

  constructor(onChange: () => void) {
    this.#onChange = onChange;
  }

  /** A version became current. One that was current before becomes the newest again. */
  arrived(versionId: string): void {
    this.#order = [...this.#order.filter((known) => known !== versionId), versionId].slice(-REMEMBERED);
  }

  /** @param versions what it uses at the moment it is asked. */
  add(versions: () => Iterable<string>): VersionUser {
    this.#users.add(versions);
    return {
      changed: this.#onChange,
      end: () => {
        if (this.#users.delete(versions)) this.#onChange();
      },
    };
  }

  /** The oldest version that anybody uses: what must not be retired yet. Without users it is the current one. */
  get oldest(): string | null {
    const used = new Set<string>();
    for (const versions of this.#users) for (const versionId of versions()) used.add(versionId);
    return this.#order.find((versionId) => used.has(versionId)) ?? this.#order.at(-1) ?? null;
  }
}
