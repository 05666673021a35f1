import { integer, list, required, structure, text } from '../aws-shapes/shape.ts';

/** Inputs of the operations of the service model 2011-06-15 that are served, member for member. */

const ARN_CHARACTERS = '[\\u0009\\u000A\\u000D\\u0020-\\u007E\\u0085\\u00A0-\\uD7FF\\uE000-\\uFFFD\\u10000-\\u10FFFF]+';
const POLICY_CHARACTERS = '[\\u0009\\u000A\\u000D\\u0020-\\u00FF]+';
const NAME_CHARACTERS = '[\\w+=,.@-]*';

const accessKeyId = text({ min: 16, max: 128, pattern: '[\\w]*' });
const arn = text({ min: 20, max: 2048, pattern: ARN_CHARACTERS });
const durationSeconds = integer(900, 129_600);
const policyArns = list(structure({ arn }));
const roleDurationSeconds = integer(900, 43_200);
const serialNumber = text({ min: 9, max: 256, pattern: '[\\w+=/:,.@-]*' });
const sessionName = text({ min: 2, max: 64, pattern: NAME_CHARACTERS });
const sessionPolicy = text({ min: 1, max: 2048, pattern: POLICY_CHARACTERS });
const tagKey = text({ min: 1, max: 128, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]+' });
const tagValue = text({ min: 0, max: 256, pattern: '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]*' });
const tags = list(structure({ Key: required(tagKey), Value: required(tagValue) }), undefined, 50);
const tokenCode = text({ min: 6, max: 6, pattern: '[\\d]*' });

export const INPUTS = {
  AssumeRole: structure({
    DurationSeconds: roleDurationSeconds,
    ExternalId: text({ min: 2, max: 1224, pattern: '[\\w+=,.@:\\/-]*' }),
    Policy: text({ min: 1, pattern: POLICY_CHARACTERS }),
    PolicyArns: policyArns,
    ProvidedContexts: list(structure({ ContextAssertion: text({ min: 4, max: 2048 }), ProviderArn: arn }), 1, 5),
    RoleArn: required(arn),
    RoleSessionName: required(sessionName),
    SerialNumber: serialNumber,
    SourceIdentity: sessionName,
    Tags: tags,
    TokenCode: tokenCode,
    TransitiveTagKeys: list(tagKey, undefined, 50),
  }),
  AssumeRoleWithWebIdentity: structure({
    DurationSeconds: roleDurationSeconds,
    Policy: sessionPolicy,
    PolicyArns: policyArns,
    ProviderId: text({ min: 4, max: 2048 }),
    RoleArn: required(arn),
    RoleSessionName: required(sessionName),
    WebIdentityToken: required(text({ min: 4, max: 20_000, sensitive: true })),
  }),
  DecodeAuthorizationMessage: structure({ EncodedMessage: required(text({ min: 1, max: 10_240 })) }),
  GetAccessKeyInfo: structure({ AccessKeyId: required(accessKeyId) }),
  GetCallerIdentity: structure({}),
  GetSessionToken: structure({
    DurationSeconds: durationSeconds,
    SerialNumber: serialNumber,
    TokenCode: tokenCode,
  }),
} as const;
