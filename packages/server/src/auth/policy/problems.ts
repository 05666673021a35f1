/** What is wrong with a policy document, and where. */
export interface PolicyProblem {
  /** As one would write it in code: `Statement[0].Condition.StringEquals`; empty for the document itself. */
  readonly path: string;
  /** One sentence that says what is wrong and what would be right. */
  readonly sentence: string;
}

/** A document that is wrong in more places than this is wrong as a whole; the answer to its writer stays readable. */
const MOST_PROBLEMS = 20;
const LONGEST_QUOTE = 60;

/** A place in a document under examination; problems are noted where they are found. */
export class Place {
  readonly path: string;
  readonly #problems: PolicyProblem[];

  private constructor(path: string, problems: PolicyProblem[]) {
    this.path = path;
    this.#problems = problems;
  }

  static root(): Place {
    return new Place('', []);
  }

  get problems(): readonly PolicyProblem[] {
    return this.#problems;
  }

  member(name: string): Place {
    return new Place(this.path === '' ? cut(name) : `${this.path}.${cut(name)}`, this.#problems);
  }

  item(index: number): Place {
    return new Place(`${this.path}[${index}]`, this.#problems);
  }

  /** Notes a problem here; returns null, so that a reader can refuse and leave in one line. */
  refuse(sentence: string): null {
    if (this.#problems.length < MOST_PROBLEMS) this.#problems.push({ path: this.path, sentence });
    return null;
  }
}

/** Somebody's text inside a sentence, cut where it is long. */
export function quoted(text: string): string {
  return `"${cut(text)}"`;
}

function cut(text: string): string {
  return text.length <= LONGEST_QUOTE ? text : `${text.slice(0, LONGEST_QUOTE)}…`;
}
