import { ruleFrom } from '@rekey/core';
import { named } from '../answers.ts';
import { readRotationToken, readSecretId } from '../identifiers.ts';
import { operation } from '../operation.ts';
import { invalidParameter } from '../refusal.ts';

/** Operations on rotation. */

export const rotateSecret = operation({
  name: 'RotateSecret',
  read: (input) => {
    const secretId = readSecretId(input.SecretId);
    const versionId = readRotationToken(input.ClientRequestToken);
    if (input.ExternalSecretRotationMetadata !== undefined || input.ExternalSecretRotationRoleArn !== undefined)
      throw invalidParameter('Rotation of managed external secrets is not available on this server.');
    return {
      secretId,
      versionId,
      functionArn: input.RotationLambdaARN || undefined,
      rule: input.RotationRules && ruleFrom(input.RotationRules),
      immediately: input.RotateImmediately ?? true,
    };
  },
  run: async (service, caller, request) => {
    const { secret, rotation } = await service.rotation.rotate(caller, request);
    return { ...named(secret), VersionId: rotation.versionId };
  },
});

export const cancelRotateSecret = operation({
  name: 'CancelRotateSecret',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => {
    const { secret, versionId } = await service.rotation.cancel(caller, secretId);
    return { ...named(secret), ...(versionId && { VersionId: versionId }) };
  },
});
