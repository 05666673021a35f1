import type { AssumedRole, TemporaryCredentials } from '../../service/sts/sts.ts';
import { operation, type QueryOperation, unsignedOperation } from '../aws-query/operation.ts';
import type { XmlMembers } from '../aws-query/xml.ts';
import { INPUTS } from './inputs.ts';

const assumeRole = operation('AssumeRole', INPUTS.AssumeRole, async (service, caller, input) => {
  const assumed = await service.sts.assumeRole(caller, {
    roleArn: input.RoleArn,
    sessionName: input.RoleSessionName,
    seconds: input.DurationSeconds ?? null,
    externalId: input.ExternalId ?? null,
    sourceIdentity: input.SourceIdentity ?? null,
    secondFactor: input.SerialNumber !== undefined || input.TokenCode !== undefined,
    tags: (input.Tags ?? []).map(({ Key, Value }) => ({ key: Key, value: Value })),
    transitiveTagKeys: input.TransitiveTagKeys ?? [],
    contexts: input.ProvidedContexts !== undefined,
    policy: input.Policy ?? null,
    policyArns: arnsOf(input.PolicyArns),
  });
  return assumedMembers(assumed);
});

const assumeRoleWithWebIdentity = unsignedOperation(
  'AssumeRoleWithWebIdentity',
  INPUTS.AssumeRoleWithWebIdentity,
  async (service, visitor, input) => {
    const assumed = await service.sts.assumeRoleWithWebIdentity(visitor, {
      roleArn: input.RoleArn,
      sessionName: input.RoleSessionName,
      seconds: input.DurationSeconds ?? null,
      token: input.WebIdentityToken,
      providerId: input.ProviderId ?? null,
      policy: input.Policy ?? null,
      policyArns: arnsOf(input.PolicyArns),
    });
    const { provider, subject, audience } = assumed.identity;
    return {
      ...assumedMembers(assumed),
      SubjectFromWebIdentityToken: subject,
      Provider: provider.arn,
      Audience: audience,
    };
  },
);

const getCallerIdentity = operation('GetCallerIdentity', INPUTS.GetCallerIdentity, async (service, caller) => {
  const { account, arn, userId } = await service.sts.callerIdentity(caller);
  return { Arn: arn, UserId: userId, Account: account };
});

const getSessionToken = operation('GetSessionToken', INPUTS.GetSessionToken, async (service, caller, input) => {
  const secondFactor = input.SerialNumber !== undefined || input.TokenCode !== undefined;
  const credentials = await service.sts.sessionToken(caller, { seconds: input.DurationSeconds ?? null, secondFactor });
  return { Credentials: credentialMembers(credentials) };
});

const getAccessKeyInfo = operation('GetAccessKeyInfo', INPUTS.GetAccessKeyInfo, async (service, caller, input) => ({
  Account: await service.sts.accessKeyAccount(caller, input.AccessKeyId),
}));

const decodeAuthorizationMessage = operation(
  'DecodeAuthorizationMessage',
  INPUTS.DecodeAuthorizationMessage,
  (service, caller) => service.sts.decodeMessage(caller),
);

export const OPERATIONS: readonly QueryOperation[] = [
  assumeRole,
  assumeRoleWithWebIdentity,
  decodeAuthorizationMessage,
  getAccessKeyInfo,
  getCallerIdentity,
  getSessionToken,
];

function assumedMembers({ arn, id, credentials, sourceIdentity, packedSize }: AssumedRole): XmlMembers {
  return {
    AssumedRoleUser: { AssumedRoleId: id, Arn: arn },
    Credentials: credentialMembers(credentials),
    PackedPolicySize: packedSize,
    SourceIdentity: sourceIdentity,
  };
}

function credentialMembers({
  accessKeyId,
  secretAccessKey,
  sessionToken,
  expiresAt,
}: TemporaryCredentials): XmlMembers {
  return {
    AccessKeyId: accessKeyId,
    SecretAccessKey: secretAccessKey,
    SessionToken: sessionToken,
    Expiration: new Date(expiresAt),
  };
}

function arnsOf(policies: readonly { readonly arn: string | undefined }[] | undefined): readonly string[] {
  return (policies ?? []).flatMap(({ arn }) => (arn === undefined ? [] : [arn]));
}
