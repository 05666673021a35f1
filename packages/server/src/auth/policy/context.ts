/** Value of a condition key in a request; a list where the key is multivalued. */
export type ContextValue = string | readonly string[];

/**
 * What is known of a request, asked key by key, so that a request on which no policy puts conditions computes nothing.
 */
export interface RequestContext {
  /**
   * @param key in lower case, because condition keys are case-insensitive: `aws:sourceip`, `aws:principaltag/team`
   * @returns undefined where the request has no such key
   */
  get(key: string): ContextValue | undefined;
}

/** Answers kept per function; callers, sessions and seconds come back far more often than there are of them at once. */
const MOST_REMEMBERED = 128;
/** Numbers, dates and addresses are shorter; what is longer is nobody's, and would fill the memory. */
const LONGEST_REMEMBERED = 100;

/** Wraps a pure function that is asked the same questions over and over: one address, many statements and requests. */
export function remember<Question extends string | number, Answer>(
  compute: (question: Question) => Answer,
): (question: Question) => Answer {
  const known = new Map<Question, Answer>();
  return (question) => {
    const answer = known.get(question);
    if (answer !== undefined) return answer;
    const computed = compute(question);
    if (typeof question === 'string' && question.length > LONGEST_REMEMBERED) return computed;
    if (known.size >= MOST_REMEMBERED) known.clear();
    known.set(question, computed);
    return computed;
  };
}
