import type { ManagedPolicyRecord, PolicyVersionRecord } from '@rekey/core';
import { notFound } from './refusals.ts';

/** The document that counts. */
export function defaultDocument(policy: ManagedPolicyRecord): PolicyVersionRecord {
  return versionOf(policy, policy.defaultVersion);
}

/** @throws RekeyError reason `no-such-entity` */
export function versionOf(policy: ManagedPolicyRecord, versionId: string): PolicyVersionRecord {
  const version = policy.versions.find(({ id }) => id === versionId);
  if (version === undefined)
    throw notFound(`Policy ${policy.arn} version ${versionId} does not exist or is not attachable.`);
  return version;
}
