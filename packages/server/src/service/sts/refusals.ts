import { RekeyError } from '@rekey/core';

/** What the use cases about temporary credentials refuse, by reason. */

/**
 * A refusal that audit knows as one.
 *
 * @param sentence what the caller is told, in AWS's words; the reason why is for the audit log
 */
export function denied(sentence: string, why: string): RekeyError {
  return new RekeyError('not-permitted', `${sentence} (${why})`, { reason: 'not-permitted', facts: { sentence } });
}

/** Said alike of a role that does not trust the caller and of one that does not exist. */
export function notTrusted(principal: string, action: string, role: string, why: string): RekeyError {
  return denied(`User: ${principal} is not authorized to perform: ${action} on resource: ${role}`, why);
}

export function rootCannotAssume(): RekeyError {
  return denied(
    'Roles may not be assumed by root accounts.',
    'a role narrows what somebody may do, and root is not narrowed',
  );
}

export function notWithSession(operation: string): RekeyError {
  return denied(`Cannot call ${operation} with session credentials`, 'only long-term keys may');
}

export function secondFactorUnknown(): RekeyError {
  return denied(
    'MultiFactorAuthentication failed, unable to validate MFA code.  Please verify your MFA serial number is valid and associated with this user.',
    'there are no MFA devices here',
  );
}

export function invalidRoleArn(arn: string): RekeyError {
  return invalid('role-arn-invalid', `${arn} is invalid`);
}

export function durationOverRole(): RekeyError {
  return invalid(
    'duration-exceeded',
    'The requested DurationSeconds exceeds the MaxSessionDuration set for this role.',
  );
}

export function durationOverChain(): RekeyError {
  return invalid(
    'duration-exceeded',
    'The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining.',
  );
}

export function sessionTagsInvalid(sentence: string): RekeyError {
  return invalid('session-tags-invalid', sentence);
}

export function sourceIdentityFixed(): RekeyError {
  return invalid('source-identity-fixed', 'The source identity of the calling session cannot be changed.');
}

export function noSuchPolicy(arn: string): RekeyError {
  return invalid('no-such-session-policy', `The session policy ${arn} does not exist.`);
}

export function tooManyPolicies(limit: number): RekeyError {
  return invalid('too-many-session-policies', `A session takes at most ${limit} policies by ARN.`);
}

export function packedTooLarge(percent: number): RekeyError {
  const sentence = `Packed size of session policies and tags consumes ${percent}% of allotted space.`;
  return invalid('packed-policy-too-large', sentence);
}

export function unknownAccessKey(): RekeyError {
  return invalid('access-key-unknown', 'The access key id is not one of this account.');
}

export function undecodable(): RekeyError {
  return invalid('authorization-message-invalid', 'Message is not valid');
}

export function contextsUnknown(): RekeyError {
  return invalid('contexts-unknown', 'ProvidedContexts is not supported: there are no context providers here.');
}

export function onlyOpenId(): RekeyError {
  return invalid(
    'only-openid',
    'ProviderId is for OAuth 2.0 access tokens; leave it out for tokens of OpenID Connect providers.',
  );
}

function invalid(reason: string, sentence: string): RekeyError {
  return new RekeyError('invalid-input', sentence, { reason });
}
