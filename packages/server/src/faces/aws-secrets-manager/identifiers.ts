import { invalidParameter, invalidRequest, WireRefusal } from './refusal.ts';

const NAME = /^[A-Za-z0-9/_+=.@!-]+$/;
/** An ARN has colons besides. */
const ARN = /^arn:[A-Za-z0-9/_+=.@!:-]+$/;

/** A name for a new secret. */
export function readName(name: string): string {
  if (!NAME.test(name)) throw invalidName();
  return name;
}

/** The name or ARN by which a request means a secret. */
export function readSecretId(secretId: string): string {
  if (!NAME.test(secretId) && !ARN.test(secretId)) throw invalidName();
  return secretId;
}

export function invalidName(): WireRefusal {
  return new WireRefusal(
    'ValidationException',
    'Invalid name. Must be a valid name containing alphanumeric characters, or any of the following: -/_+=.@!',
  );
}

const NO_TOKEN = 'You must provide a ClientRequestToken value. We recommend a UUID-type value.';

/** The id a write gives to its version. SDKs make one up; a bare request has to bring it. */
export function readToken(token: string | undefined): string {
  if (token === undefined) throw invalidRequest(NO_TOKEN);
  return token;
}

/** As {@link readToken}, in the words of RotateSecret. */
export function readRotationToken(token: string | undefined): string {
  if (token === undefined) throw invalidParameter(NO_TOKEN);
  return token;
}
