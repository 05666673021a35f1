import { RekeyClientError } from './errors.ts';

/** Content of a version as it is stored: text, or bytes where the secret was stored as binary. */
export type SecretContent = string | Uint8Array;

/** The fields of a secret that is a JSON object, as database secrets are. */
export type SecretFields = Readonly<Record<string, unknown>>;

/** Reads a secret that is a JSON object; anything else is refused. */
export function asFields(content: SecretContent): SecretFields {
  const fields: unknown = JSON.parse(asText(content));
  if (typeof fields !== 'object' || fields === null || Array.isArray(fields)) throw new TypeError('not a JSON object');
  return Object.freeze(fields) as SecretFields;
}

/** Takes a secret as text. */
export function asText(content: SecretContent): string {
  return typeof content === 'string' ? content : new TextDecoder('utf-8', { fatal: true }).decode(content);
}

/**
 * Runs a parser so that nothing of the content gets out when it fails: parsers (`JSON.parse` first among them) like to
 * quote what they stumbled over.
 */
export function parsed<T>(
  secretId: string,
  versionId: string,
  content: SecretContent,
  parse: (content: SecretContent) => T,
): T {
  try {
    return parse(content);
  } catch {
    throw new RekeyClientError(
      'no-value',
      `Version ${versionId} of ${secretId} does not have the expected form${(parse as unknown) === asFields ? ' (a JSON object; pass parse: asText for plain text)' : ''}.`,
    );
  }
}
