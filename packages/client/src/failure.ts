import { RekeyClientError } from './errors.ts';
import type { Answer } from './transport.ts';

const RETRYABLE_CODES: ReadonlySet<string> = new Set([
  'InternalServiceError',
  'InternalFailure',
  'ServiceUnavailable',
  'ServiceUnavailableException',
  'Throttling',
  'ThrottlingException',
  'ThrottledException',
  'TooManyRequestsException',
  'RequestThrottled',
  'RequestLimitExceeded',
  'RequestTimeout',
  'RequestTimeoutException',
]);

const CLOCK_CODES: ReadonlySet<string> = new Set([
  'InvalidSignatureException',
  'RequestExpired',
  'RequestTimeTooSkewed',
]);
const CREDENTIAL_CODES: ReadonlySet<string> = new Set([
  'ExpiredTokenException',
  'ExpiredToken',
  'UnrecognizedClientException',
]);

/** What an answer that is not a success says. Reads AWS's form (`__type`, `Message`) and rekey's own (`error.code`, `error.message`). */
export function failureOf(answer: Answer, whatFailed: string, sent: unknown): RekeyClientError {
  const fields = readFields(answer.text);
  const code =
    fields.code ?? (answer.status >= 300 && answer.status < 400 ? 'malformed-response' : `http-${answer.status}`);
  const sentence = withoutValues(fields.message ?? `the server answered HTTP ${answer.status}`, sent);
  return new RekeyClientError(code, `${whatFailed}: ${sentence}`, {
    status: answer.status,
    retryable: answer.status >= 500 || answer.status === 429 || RETRYABLE_CODES.has(code) || fields.retryable === true,
    requestId: answer.headers.get('x-amzn-requestid') ?? answer.headers.get('x-request-id') ?? undefined,
  });
}

/** True when the server did not take the request up, so that even one that must not run twice may be sent again. */
export function wasTurnedAway(error: RekeyClientError): boolean {
  return (
    error.status === 429 || error.status === 503 || /^Thrott|^TooMany|^RequestThrottled|^RequestLimit/.test(error.code)
  );
}

/** True when the server found the signature's time wrong. */
export function isClockComplaint(error: RekeyClientError): boolean {
  return CLOCK_CODES.has(error.code) && /expired|not yet current|skew|earlier than|later than/i.test(error.message);
}

/** True when fresh credentials may help. */
export function isCredentialComplaint(error: RekeyClientError): boolean {
  return CREDENTIAL_CODES.has(error.code);
}

interface Fields {
  readonly code?: string | undefined;
  readonly message?: string | undefined;
  readonly retryable?: boolean | undefined;
}

function readFields(text: string): Fields {
  const body = asObject(parsed(text));
  const inner = asObject(body.error);
  const type = body.__type ?? inner.code ?? body.code;
  return {
    code: typeof type === 'string' ? type.replace(/^.*#/, '').replace(/:.*$/, '') : undefined,
    message: firstText(body.Message, body.message, inner.message, body.error),
    retryable: inner.retryable === true,
  };
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}

function asObject(value: unknown): Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null ? (value as Record<string, unknown>) : {};
}

function firstText(...candidates: readonly unknown[]): string | undefined {
  return candidates.find((candidate): candidate is string => typeof candidate === 'string' && candidate !== '');
}

/**
 * Servers repeat input that failed a check ("Value 'hunter2' at 'secretString' failed to satisfy …"). What stands between
 * those words is cut, and so is any value that was sent, wherever it stands.
 */
function withoutValues(message: string, sent: unknown): string {
  let text = message.replace(/Value '[\s\S]*' at '/g, "Value [not shown] at '");
  for (const value of secretTexts(sent)) text = text.replaceAll(value, '[not shown]');
  return text;
}

/** Values of the fields that carry secrets, in the forms in which they travelled, longest first. */
function secretTexts(sent: unknown, isBelow = false): string[] {
  const found = membersBelow(sent, isBelow).flatMap(({ text, isSecret }) =>
    isSecret && text.length >= 4 ? [text, JSON.stringify(text).slice(1, -1), ...insideJson(text)] : [],
  );
  return found.sort((a, b) => b.length - a.length);
}

/** Every text in it, and whether it stands below a field that carries secrets. Level by level: a stack is not that deep. */
function membersBelow(
  root: unknown,
  isSecret: boolean,
): readonly { readonly text: string; readonly isSecret: boolean }[] {
  const found: { readonly text: string; readonly isSecret: boolean }[] = [];
  for (let level = [{ node: root, isSecret }]; level.length > 0; ) {
    for (const { node, isSecret } of level) if (typeof node === 'string') found.push({ text: node, isSecret });
    level = level.flatMap(({ node, isSecret }) =>
      Object.entries(typeof node === 'string' ? {} : asObject(node)).map(([name, inner]) => ({
        node: inner,
        isSecret: isSecret || SECRET_FIELD.test(name),
      })),
    );
  }
  return found;
}

const SECRET_FIELD = /^(?:secret(?:string|binary)|value|content|password|.*token|.*secretkey|secretaccesskey)$/i;

function insideJson(text: string): string[] {
  const inner = parsed(text);
  return typeof inner === 'object' && inner !== null ? secretTexts(inner, true) : [];
}
