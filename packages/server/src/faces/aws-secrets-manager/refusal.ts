import { type ErrorCode, RekeyError } from '@rekey/core';

/**
 * A request refused by the wire's own rules, before any use case. The wire text may repeat what the caller sent, as
 * AWS's does; the message, which goes into the audit log, never does.
 */
export class WireRefusal extends RekeyError {
  readonly type: string;
  readonly text: string;
  readonly status: number;

  constructor(type: string, text: string, options: { message?: string; status?: number; code?: ErrorCode } = {}) {
    super(options.code ?? 'invalid-input', options.message ?? text, { reason: type });
    this.type = type;
    this.text = text;
    this.status = options.status ?? 400;
  }
}

export function invalidParameter(text: string): WireRefusal {
  return new WireRefusal('InvalidParameterException', text);
}

export function invalidRequest(text: string): WireRefusal {
  return new WireRefusal('InvalidRequestException', text);
}

/** JSON that is none, or of other types than the operation's. */
export function serialization(text: string): WireRefusal {
  return new WireRefusal('SerializationException', text);
}

export function unknownOperation(): WireRefusal {
  return new WireRefusal('UnknownOperationException', 'The requested operation is not known to this service.');
}

export function tooLarge(limitBytes: number): WireRefusal {
  const text = `The request body must be at most ${limitBytes} bytes long.`;
  return new WireRefusal('RequestEntityTooLargeException', text, { status: 413 });
}
