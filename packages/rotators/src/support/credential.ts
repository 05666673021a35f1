import { RotatorError } from '@rekey/core';

/** Text of a secret's value, parsed: an object whose unknown members are kept as they are. */
export type CredentialFields = Readonly<Record<string, unknown>>;

/** Parses the JSON object AWS's rotation templates use. The error never quotes the text. */
export function parseCredential(text: string): CredentialFields {
  const parsed = parseJson(text);
  if (typeof parsed === 'object' && parsed !== null && !Array.isArray(parsed)) return parsed as CredentialFields;
  throw new RotatorError('rejected-form', 'The value of the secret is not a JSON object', {
    nextAction: 'Put the credential as a JSON object with the members host, username and password.',
  });
}

/** A member that must be a non-empty string. The error names the member, never its content. */
export function requiredText(fields: CredentialFields, member: string): string {
  const value = fields[member];
  if (typeof value === 'string' && value !== '') return value;
  const state = value === undefined ? 'is missing' : 'is not a non-empty string';
  throw badMember(member, state);
}

/** A member that may be absent or null, but if present must be a non-empty string. */
export function optionalText(fields: CredentialFields, member: string): string | null {
  return isAbsent(fields[member]) ? null : requiredText(fields, member);
}

/** A TCP port, written as a number or as digits, as AWS allows both. */
export function optionalPort(fields: CredentialFields, member: string, fallback: number): number {
  const value = fields[member];
  if (isAbsent(value)) return fallback;
  const port = typeof value === 'string' && /^\d{1,5}$/.test(value) ? Number(value) : value;
  if (typeof port === 'number' && Number.isInteger(port) && port >= 1 && port <= 65_535) return port;
  throw badMember(member, 'is not a port (1 to 65535)');
}

/** What every complaint about the shape of a secret looks like: the member by name, its content never. */
export function badMember(member: string, state: string): RotatorError {
  return new RotatorError('rejected-form', `The member ${member} of the secret's value ${state}`, {
    nextAction: `Put a value whose member ${member} is right.`,
  });
}

/** The same credential with some members changed; order and unknown members are kept. */
export function withFields(text: string, changes: CredentialFields): string {
  const merged = { ...parseCredential(text), ...changes };
  const kept = Object.entries(merged).filter(([, value]) => value !== undefined);
  return JSON.stringify(Object.fromEntries(kept));
}

function isAbsent(value: unknown): boolean {
  return value === undefined || value === null;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
