/** Answers of one face: by the hundreds of their status, and those given while the store could not be reached. */
interface FaceCounts {
  readonly byClass: number[];
  stale: number;
}

/** How many requests were answered since the server started, by face and class of status. */
export class RequestCounts {
  readonly #faces = new Map<string, FaceCounts>();
  #arrived = 0;
  #answered = 0;

  /** Arrivals and answers together: unchanged for as long as nothing comes or goes. */
  get traffic(): number {
    return this.#arrived + this.#answered;
  }

  /** A request has come, its body perhaps not yet. */
  arrived(): void {
    this.#arrived += 1;
  }

  /** @param face null where no face took the request */
  answered(face: string | null, status: number, isStale: boolean): void {
    this.#answered += 1;
    const counts = this.#of(face ?? 'none');
    counts.byClass[Math.floor(status / 100)]! += 1;
    if (isStale && status < 400) counts.stale += 1;
  }

  /** Of the faces that have answered: each class of status that was answered. */
  get answers(): readonly { readonly face: string; readonly statusClass: string; readonly count: number }[] {
    return [...this.#faces].flatMap(([face, { byClass }]) =>
      byClass.flatMap((count, hundreds) => (count === 0 ? [] : [{ face, statusClass: `${hundreds}xx`, count }])),
    );
  }

  /** Of the faces that have answered: successes that may be old, because the store could not be reached. */
  get staleAnswers(): readonly { readonly face: string; readonly count: number }[] {
    return [...this.#faces].map(([face, { stale }]) => ({ face, count: stale }));
  }

  #of(face: string): FaceCounts {
    const known = this.#faces.get(face);
    if (known !== undefined) return known;
    const made: FaceCounts = { byClass: [0, 0, 0, 0, 0, 0], stale: 0 };
    this.#faces.set(face, made);
    return made;
  }
}
