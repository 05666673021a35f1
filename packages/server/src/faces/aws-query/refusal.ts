import { type ErrorCode, RekeyError } from '@rekey/core';

/**
 * A request refused by the wire's own rules, before any use case. The wire text may repeat what the caller sent, as
 * AWS's does; the message, which goes into the audit log, never does.
 */
export class QueryRefusal extends RekeyError {
  /** As it stands in `<Code>`. */
  readonly wireCode: string;
  readonly text: string;
  readonly status: number;

  constructor(wireCode: string, text: string, options: { message?: string; status?: number; code?: ErrorCode } = {}) {
    super(options.code ?? 'invalid-input', options.message ?? text, { reason: wireCode });
    this.wireCode = wireCode;
    this.text = text;
    this.status = options.status ?? 400;
  }
}

/** A member that the service model rules out. */
export function validationError(text: string, message = text): QueryRefusal {
  return new QueryRefusal('ValidationError', text, { message });
}

export function malformedQuery(text: string): QueryRefusal {
  return new QueryRefusal('MalformedQueryString', text);
}
