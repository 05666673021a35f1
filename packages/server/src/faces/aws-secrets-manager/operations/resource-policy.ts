import { named } from '../answers.ts';
import { readSecretId } from '../identifiers.ts';
import { operation } from '../operation.ts';

/** Operations on the policy that a secret itself carries. */

export const getResourcePolicy = operation({
  name: 'GetResourcePolicy',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => {
    const secret = await service.policies.get(caller, secretId);
    return { ...named(secret), ...(secret.policy && { ResourcePolicy: secret.policy.text }) };
  },
});

export const putResourcePolicy = operation({
  name: 'PutResourcePolicy',
  read: ({ SecretId, ResourcePolicy, BlockPublicPolicy }) => ({
    secretId: readSecretId(SecretId),
    text: ResourcePolicy,
    blockPublic: BlockPublicPolicy ?? false,
  }),
  run: async (service, caller, policy) => named(await service.policies.put(caller, policy)),
});

export const deleteResourcePolicy = operation({
  name: 'DeleteResourcePolicy',
  read: ({ SecretId }) => readSecretId(SecretId),
  run: async (service, caller, secretId) => named(await service.policies.delete(caller, secretId)),
});

export const validateResourcePolicy = operation({
  name: 'ValidateResourcePolicy',
  read: ({ SecretId, ResourcePolicy }) => ({
    secretId: SecretId === undefined ? null : readSecretId(SecretId),
    text: ResourcePolicy,
  }),
  run: async (service, caller, { secretId, text }) => {
    const findings = await service.policies.validate(caller, secretId, text);
    return {
      PolicyValidationPassed: findings.length === 0,
      ValidationErrors: findings.map(({ check, sentence }) => ({ CheckName: check, ErrorMessage: sentence })),
    };
  },
});
