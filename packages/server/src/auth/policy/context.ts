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

/** Wraps an expensive pure function that is asked the same question many times in a row: one address, many statements. */
export function rememberLast<T>(compute: (text: string) => T): (text: string) => T {
  let lastText: string | undefined;
  let lastResult: T;
  return (text) => {
    if (text !== lastText) {
      lastResult = compute(text);
      lastText = text;
    }
    return lastResult;
  };
}
