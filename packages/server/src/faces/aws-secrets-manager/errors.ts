import { type ErrorCode, RekeyError } from '@rekey/core';
import { translateLabel } from '../../service/aws-labels.ts';
import { WireRefusal } from './refusal.ts';

/** An error as it goes over the wire. */
export interface WireError {
  readonly type: string;
  readonly status: number;
  readonly text: string;
}

type Facts = Readonly<Record<string, string>>;

interface Rung {
  readonly type: string;
  /** In AWS's words; left out where the error's own sentence says it. */
  readonly text?: (facts: Facts) => string;
  readonly status?: number;
}

const CANNOT_FIND = "Secrets Manager can't find the specified secret";
const TAKEN = ({ versionId, arn }: Facts) =>
  `You can't use ClientRequestToken ${versionId} because that value is already in use for a version of secret ${arn}.`;

/** The one ladder from what a use case refuses to what AWS would have said: by reason. */
const BY_REASON: Readonly<Record<string, Rung>> = {
  'secret-not-found': { type: 'ResourceNotFoundException', text: () => `${CANNOT_FIND}.` },
  'version-not-found': {
    type: 'ResourceNotFoundException',
    text: ({ versionId }) => `${CANNOT_FIND} value for VersionId: ${versionId}`,
  },
  'label-not-found': {
    type: 'ResourceNotFoundException',
    text: ({ label }) => `${CANNOT_FIND} value for staging label: ${wire(label)}`,
  },
  'secret-exists': {
    type: 'ResourceExistsException',
    text: ({ name }) => `The operation failed because the secret ${name} already exists.`,
  },
  'version-id-in-use': { type: 'ResourceExistsException', text: TAKEN },
  'secret-marked-for-deletion': {
    type: 'InvalidRequestException',
    text: () => "You can't perform this operation on the secret because it was marked for deletion.",
  },
  'name-marked-for-deletion': {
    type: 'InvalidRequestException',
    text: () => "You can't create this secret because a secret with this name is already scheduled for deletion.",
  },
  'label-not-on-version': {
    type: 'InvalidRequestException',
    text: () => 'You provided a VersionStage that is not associated to the provided VersionId.',
  },
  'version-has-no-value': {
    type: 'InvalidRequestException',
    text: ({ versionId }) => `You can't move AWSCURRENT to version ${versionId} because it has no secret value.`,
  },
  'no-rotation-function': {
    type: 'InvalidRequestException',
    text: () => 'No Lambda rotation function ARN is associated with this secret.',
  },
  'previous-rotation-incomplete': {
    type: 'InvalidRequestException',
    text: () => "A previous rotation isn't complete. That rotation will be reattempted.",
  },
  'function-not-invocable': {
    type: 'AccessDeniedException',
    text: () =>
      'Secrets Manager cannot invoke the specified Lambda function. Ensure that the function policy grants access to the principal secretsmanager.amazonaws.com.',
  },
  'label-attached-elsewhere': {
    type: 'InvalidParameterException',
    text: ({ label, versionId }) =>
      `The parameter RemoveFromVersionId can't be empty. Staging label ${wire(label)} is currently attached to version ${versionId}, so you must explicitly reference that version in RemoveFromVersionId.`,
  },
  'label-from-other-version': {
    type: 'InvalidParameterException',
    text: ({ label, versionId }) =>
      `The parameter RemoveFromVersionId is not valid. Staging label ${wire(label)} is currently attached to version ${versionId}, so you must explicitly reference that version in RemoveFromVersionId.`,
  },
  'label-not-attached': {
    type: 'InvalidParameterException',
    text: ({ label, versionId }) => `Staging label ${wire(label)} is not attached to version ${versionId}.`,
  },
  'label-move-empty': {
    type: 'InvalidParameterException',
    text: () => 'You must specify MoveToVersionId, RemoveFromVersionId or both.',
  },
  'current-cannot-go': {
    type: 'InvalidParameterException',
    text: ({ label }) =>
      `You can only move staging label ${wire(label)} to a different secret version. It can't be completely removed.`,
  },
  'window-and-force': {
    type: 'InvalidParameterException',
    text: () =>
      "You can't use ForceDeleteWithoutRecovery in conjunction with RecoveryWindowInDays. Specify only one of them.",
  },
  'recovery-window-out-of-bounds': {
    type: 'InvalidParameterException',
    text: () => 'The RecoveryWindowInDays value must be between 7 and 30 days (inclusive).',
  },
  'password-nothing-left': {
    type: 'InvalidParameterException',
    text: () => 'All characters have been excluded from selection.',
  },
  'password-kind-emptied': {
    type: 'InvalidParameterException',
    text: () => 'All characters of the desired type have been excluded.',
  },
  'password-too-short': {
    type: 'InvalidParameterException',
    text: () => 'Password length is too short based on the required types.',
  },
  'malformed-policy-document': { type: 'MalformedPolicyDocumentException' },
  'policy-is-public': { type: 'PublicPolicyException' },
  'still-replicated': {
    type: 'InvalidParameterException',
    text: ({ arn, regions }) => `You can't delete secret ${arn} that still has replica regions [${regions}].`,
  },
  'replica-is-read-only': {
    type: 'InvalidParameterException',
    text: () => "Operation not permitted on a replica secret. Call must be made in primary secret's region.",
  },
  'replica-region-invalid': {
    type: 'InvalidParameterException',
    text: ({ region, why }) => `Invalid replica region ${region}: ${why}.`,
  },
  'region-without-replica': {
    type: 'InvalidParameterException',
    text: ({ region }) => `The secret is not replicated to region ${region}.`,
  },
  'secret-is-no-replica': {
    type: 'InvalidRequestException',
    text: () => 'Operation not permitted on a primary secret. Call must be made in the region of a replica secret.',
  },
  'next-token-invalid': { type: 'InvalidNextTokenException', text: () => 'The NextToken value is invalid.' },
  'missing-authentication': { type: 'MissingAuthenticationTokenException' },
  'incomplete-signature': { type: 'IncompleteSignatureException' },
  'unknown-access-key': { type: 'UnrecognizedClientException' },
  'signature-mismatch': { type: 'InvalidSignatureException' },
  expired: { type: 'InvalidSignatureException' },
  'not-yet-current': { type: 'InvalidSignatureException' },
  'expired-token': { type: 'ExpiredTokenException' },
};

/** Never says what went wrong inside: that is for the log. */
const INTERNAL: Rung = {
  type: 'InternalServiceError',
  text: () => 'An error occurred on the server side.',
  status: 500,
};

/** For reasons the ladder has no rung for: the kind decides, and the sentence is the error's own. */
const BY_CODE: Readonly<Record<ErrorCode, Rung>> = {
  'not-found': { type: 'ResourceNotFoundException' },
  'already-exists': { type: 'ResourceExistsException' },
  'invalid-input': { type: 'InvalidParameterException' },
  'invalid-state': { type: 'InvalidRequestException' },
  'not-permitted': { type: 'AccessDeniedException' },
  unauthenticated: { type: 'UnrecognizedClientException' },
  'limit-exceeded': { type: 'LimitExceededException' },
  'decryption-failed': {
    type: 'DecryptionFailure',
    text: () => "Secrets Manager can't decrypt the protected secret text using the provided KMS key.",
  },
  conflict: INTERNAL,
  unavailable: INTERNAL,
  'storage-full': INTERNAL,
  integrity: INTERNAL,
  bug: INTERNAL,
};

/** What AWS answers where a use case failed so. */
export function wireErrorOf(error: unknown): WireError {
  if (error instanceof WireRefusal) return { type: error.type, status: error.status, text: error.text };
  if (!(error instanceof RekeyError)) return resolve(INTERNAL, {}, '');
  return resolve(BY_REASON[error.reason] ?? BY_CODE[error.code], error.facts, error.message);
}

function resolve({ type, text, status = 400 }: Rung, facts: Facts, message: string): WireError {
  return { type, status, text: text?.(facts) ?? message };
}

function wire(label: string | undefined): string {
  return translateLabel(label ?? '');
}
