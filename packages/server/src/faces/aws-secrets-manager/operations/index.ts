import type { Operation } from '../operation.ts';
import { getRandomPassword } from './random-password.ts';
import { cancelRotateSecret, rotateSecret } from './rotation.ts';
import {
  createSecret,
  deleteSecret,
  describeSecret,
  getResourcePolicy,
  listSecrets,
  restoreSecret,
  tagResource,
  untagResource,
  updateSecret,
} from './secrets.ts';
import { unavailable } from './unavailable.ts';
import {
  batchGetSecretValue,
  getSecretValue,
  listSecretVersionIds,
  putSecretValue,
  updateSecretVersionStage,
} from './values.ts';

/** Every operation of the service model. */
export const OPERATIONS: readonly Operation[] = [
  batchGetSecretValue,
  cancelRotateSecret,
  createSecret,
  deleteSecret,
  describeSecret,
  getRandomPassword,
  getResourcePolicy,
  getSecretValue,
  listSecretVersionIds,
  listSecrets,
  putSecretValue,
  restoreSecret,
  rotateSecret,
  tagResource,
  untagResource,
  updateSecret,
  updateSecretVersionStage,
  ...unavailable,
];
