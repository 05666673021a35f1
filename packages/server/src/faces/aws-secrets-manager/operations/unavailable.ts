import type { OperationName } from '../inputs.ts';
import { type Operation, operation } from '../operation.ts';
import { invalidRequest } from '../refusal.ts';

/** Operations of the model this server does not have, and why; they are refused in AWS's shape. */
export const UNAVAILABLE = {
  DeleteResourcePolicy: 'resource policies are not kept by this server',
  PutResourcePolicy: 'resource policies are not kept by this server',
  RemoveRegionsFromReplication: 'this server is configured for one Region only',
  ReplicateSecretToRegions: 'this server is configured for one Region only',
  StopReplicationToReplica: 'this server is configured for one Region only',
  ValidateResourcePolicy: 'resource policies are not kept by this server',
} as const satisfies Partial<Record<OperationName, string>>;

export const unavailable: readonly Operation[] = Object.entries(UNAVAILABLE).map(([name, why]) =>
  operation({
    name: name as OperationName,
    read: (): never => {
      throw invalidRequest(`${name} is not available: ${why}.`);
    },
    run: () => Promise.resolve(null),
  }),
);
