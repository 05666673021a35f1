import { quoted } from './problems.ts';

/**
 * Where a policy document is attached, which decides what it may say.
 *
 * - `identity`: users, groups, roles; `boundary`: the most that identity policies can give; `session`: the most that one
 *   session has; none of them names principals.
 * - `resource`: a secret; `trust`: a role, says who may assume it. Both name principals; a trust policy names no resources.
 */
export type PolicyKind = 'identity' | 'boundary' | 'session' | 'resource' | 'trust';

/** Keys a request carries at most one value of. Those that end in `/` are completed by the key of a tag. */
const SINGLE = [
  'aws:CurrentTime',
  'aws:EpochTime',
  'aws:FederatedProvider',
  'aws:MultiFactorAuthAge',
  'aws:MultiFactorAuthPresent',
  'aws:PrincipalAccount',
  'aws:PrincipalArn',
  'aws:PrincipalIsAWSService',
  'aws:PrincipalTag/',
  'aws:PrincipalType',
  'aws:RequestTag/',
  'aws:RequestedRegion',
  'aws:ResourceAccount',
  'aws:ResourceTag/',
  'aws:SecureTransport',
  'aws:SourceIdentity',
  'aws:SourceIp',
  'aws:TokenIssueTime',
  'aws:UserAgent',
  'aws:ViaAWSService',
  'aws:userid',
  'aws:username',
  'iam:PermissionsBoundary',
  'iam:PolicyARN',
  'iam:ResourceTag/',
  'secretsmanager:BlockPublicPolicy',
  'secretsmanager:Description',
  'secretsmanager:ForceDeleteWithoutRecovery',
  'secretsmanager:ForceOverwriteReplicaSecret',
  'secretsmanager:KmsKeyArn',
  'secretsmanager:KmsKeyId',
  'secretsmanager:ModifyRotationRules',
  'secretsmanager:Name',
  'secretsmanager:RecoveryWindowInDays',
  'secretsmanager:ResourceTag/',
  'secretsmanager:RotateImmediately',
  'secretsmanager:RotationLambdaARN',
  'secretsmanager:SecretId',
  'secretsmanager:SecretPrimaryRegion',
  'secretsmanager:Type',
  'secretsmanager:VersionId',
  'secretsmanager:VersionStage',
  'secretsmanager:resource/AllowRotationLambdaArn',
  'secretsmanager:resource/Type',
  'sts:ExternalId',
  'sts:RoleSessionName',
  'sts:SourceIdentity',
] as const;

/** Keys a request may carry several values of; they cannot stand as variables. */
const MULTIVALUED = ['aws:TagKeys', 'secretsmanager:AddReplicaRegions', 'sts:TransitiveTagKeys'] as const;

/** Claims of a web identity token that a trust policy may test, as `<issuer without https://>:<claim>`. */
const CLAIMS = ['amr', 'aud', 'azp', 'email', 'oaud', 'sub'] as const;

/** Every condition key that policies may use here, as AWS writes them; for documentation and refusals. */
export const supportedConditionKeys: readonly string[] = [
  ...[...SINGLE, ...MULTIVALUED].map((key) => (key.endsWith('/') ? `${key}*` : key)).sort(),
  ...CLAIMS.map((claim) => `<OIDC provider>:${claim} (trust policies)`),
];

export interface ConditionKey {
  /** In lower case: keys are case-insensitive, the keys of tags in them too. */
  readonly key: string;
  readonly multivalued: boolean;
}

const EXACT = new Map<string, boolean>();
const TAG_PREFIXES: string[] = [];
for (const key of SINGLE) {
  if (key.endsWith('/')) TAG_PREFIXES.push(key.toLowerCase());
  else EXACT.set(key.toLowerCase(), false);
}
for (const key of MULTIVALUED) EXACT.set(key.toLowerCase(), true);

/**
 * Host, port, path; then the claim. A host may be one word, as inside of networks; words that AWS's own keys begin with are
 * none.
 */
const CLAIM_KEY =
  /^(?!(?:aws|iam|saml|secretsmanager|sts):)(?:[\w-]+(?:\.[\w-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?(?:\/\S*)?:([a-z]+)$/;

/** @returns null for a key that is not supported in policies of this kind */
export function findConditionKey(name: string, kind: PolicyKind): ConditionKey | null {
  const key = name.toLowerCase();
  const multivalued = EXACT.get(key);
  if (multivalued !== undefined) return { key, multivalued };
  const prefix = TAG_PREFIXES.find((candidate) => key.startsWith(candidate));
  if (prefix !== undefined)
    return key.length > prefix.length && key.length <= prefix.length + 128 ? { key, multivalued: false } : null;
  const claim = kind === 'trust' ? CLAIM_KEY.exec(key)?.[1] : undefined;
  return claim !== undefined && (CLAIMS as readonly string[]).includes(claim)
    ? { key, multivalued: claim === 'amr' }
    : null;
}

export function unsupportedKey(name: string): string {
  return `The condition key ${quoted(name)} is not supported here; supported are ${supportedConditionKeys.join(', ')}.`;
}
