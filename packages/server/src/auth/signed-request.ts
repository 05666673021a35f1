/**
 * What the verification of a signature needs of a request. Strings are byte strings, one character per byte, as
 * `node:http` reads them; nothing in them has been decoded.
 */
export interface SignedRequest {
  readonly method: string;
  /** Path as it stood on the request line, still percent-encoded. */
  readonly path: string;
  /** Query without `?`, still percent-encoded; empty if none. */
  readonly query: string;
  /** In the order sent, names in lower case, repeated names repeated. */
  readonly headers: readonly (readonly [name: string, value: string])[];
  readonly body: Uint8Array;
}

/** All values of a header, in the order sent. The name is given in lower case. */
export function headerValues(request: Pick<SignedRequest, 'headers'>, name: string): string[] {
  const values: string[] = [];
  for (const header of request.headers) if (header[0] === name) values.push(header[1]);
  return values;
}
