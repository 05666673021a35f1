import { OPERATIONS as IAM } from '../../packages/server/src/faces/aws-iam/operations/index.ts';
import { OPERATIONS as SECRETS_MANAGER } from '../../packages/server/src/faces/aws-secrets-manager/operations/index.ts';
import type { StructureShape } from '../../packages/server/src/faces/aws-shapes/shape.ts';
import { OPERATIONS as STS } from '../../packages/server/src/faces/aws-sts/operations.ts';

/** What the coverage page says of one AWS service: operations and members come from the tables of its face. */
export interface CoveredService {
  readonly title: string;
  /** File of AWS's model without prose, beside the checkout. */
  readonly model: string;
  readonly operations: readonly { readonly name: string; readonly input: StructureShape }[];
  /** Folder of its face's tests, from the root of the repository. */
  readonly folder: string;
  /** Which test file shows an operation: the first whose pattern its name matches. */
  readonly tests: readonly (readonly [RegExp, string])[];
  /** Refused members, as `Operation.Member`, and why; the first sentence is what a client is told. */
  readonly refused: Readonly<Record<string, string>>;
  /** Members that are ignored, as `Operation.Member`, and why; the table of the face has no line for them. */
  readonly ignored: Readonly<Record<string, string>>;
  /** What is different from AWS, by operation or `Operation.Member`. */
  readonly notes: Readonly<Record<string, string>>;
  /** Operations of the model that are not served at all, by reason. */
  readonly absent: Readonly<Record<string, readonly string[]>>;
}

const OWN_KEYS = 'kept and shown; values are sealed by this server’s own keys';
const KEPT = 'kept and shown';

/** The same notes about members of several operations. */
function notesOf(operations: readonly string[], members: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(
    operations.flatMap((operation) => Object.entries(members).map(([name, note]) => [`${operation}.${name}`, note])),
  );
}

const secretsManager: CoveredService = {
  title: 'Secrets Manager (2017-10-17)',
  model: 'secretsmanager.model.json',
  operations: SECRETS_MANAGER,
  folder: 'packages/server/src/faces/aws-secrets-manager',
  tests: [
    [/ResourcePolicy$/, 'resource-policy.test.ts'],
    [/Replica/, 'replication.test.ts'],
    [/Rotate/, 'rotation.test.ts'],
    [/^GetRandomPassword$/, 'random-password.test.ts'],
    [/^ListSecrets$/, 'list-secrets.test.ts'],
    [/Value|Version/, 'values.test.ts'],
    [/./, 'secrets.test.ts'],
  ],
  refused: {
    'RotateSecret.ExternalSecretRotationMetadata':
      'Managed external secrets are AWS’s own; a rotator of rekey takes their place.',
    'RotateSecret.ExternalSecretRotationRoleArn':
      'Managed external secrets are AWS’s own; a rotator of rekey takes their place.',
  },
  ignored: {},
  notes: {
    'CreateSecret.KmsKeyId': OWN_KEYS,
    'CreateSecret.Type': KEPT,
    'CreateSecret.Tags':
      'tags that begin with `rekey:` are settings and are checked; needs `secretsmanager:TagResource` too',
    'CreateSecret.AddReplicaRegions': 'regions of this server (`replicaRegions` in `rekey.yaml`)',
    'UpdateSecret.KmsKeyId': OWN_KEYS,
    'UpdateSecret.Type': KEPT,
    'DeleteSecret.ForceDeleteWithoutRecovery': 'done when it is answered, where AWS needs some time',
    PutSecretValue: 'at most 2,000 versions of one secret younger than a day',
    'PutSecretValue.RotationToken': 'checked and not needed: the signature proves the caller',
    ListSecrets: 'changes are seen at once, where AWS may take five minutes',
    ReplicateSecretToRegions: 'a replica is in sync as soon as it is there: one record serves all regions',
    'ReplicateSecretToRegions.AddReplicaRegions':
      'regions of this server (`replicaRegions` in `rekey.yaml`); `KmsKeyId` is kept and shown',
    StopReplicationToReplica: 'the new secret has no rotation (AWS: to be set up anew)',
    'RotateSecret.RotationLambdaARN': 'a function of this server (`rekey-postgres` …)',
    UpdateSecretVersionStage: 'AWSCURRENT is refused to a version without a value',
    'TagResource.Tags': 'tags that begin with `rekey:` are settings and are checked',
    PutResourcePolicy:
      'condition keys and members that are not known are refused, not ignored; principals must exist in this account',
    ValidateResourcePolicy: 'checks are named `PolicySyntax` and `BroadAccess`',
  },
  absent: {},
};

const iam: CoveredService = {
  title: 'IAM (2010-05-08)',
  model: 'iam.model.json',
  operations: IAM,
  folder: 'packages/server/src/faces/aws-iam',
  tests: [
    [/^Simulate/, 'simulation.test.ts'],
    [/OpenIDConnect/, 'providers.test.ts'],
    [/Group/, 'groups.test.ts'],
    [/Role|InstanceProfile/, 'roles.test.ts'],
    [/Policy|Policies|Boundary/, 'policies.test.ts'],
    [/./, 'users.test.ts'],
  ],
  refused: {},
  ignored: {
    'SimulateCustomPolicy.OrderedOrganizationPolicyInputList': 'There are no organizations here.',
    'SimulatePrincipalPolicy.PolicyExclusionList': 'Simulate a policy by itself with SimulateCustomPolicy.',
  },
  notes: {
    ...notesOf(['SimulatePrincipalPolicy', 'SimulateCustomPolicy'], {
      ResourceHandlingOption: 'checked; scenarios of EC2, of which there are none',
      ResourceOwner: 'checked; one server is one account',
      PermissionsBoundaryPolicyInputList: 'the first of them',
    }),
    ...notesOf(
      ['ListMFADevices', 'ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials'].concat([
        'ListVirtualMFADevices',
        'ListAccountAliases',
        'ListInstanceProfilesForRole',
      ]),
      { MaxItems: 'checked; there is never a second page', Marker: 'checked; there is never a second page' },
    ),
    ...Object.fromEntries(
      ['ListMFADevices', 'ListSSHPublicKeys', 'ListSigningCertificates', 'ListServiceSpecificCredentials']
        .concat(['ListVirtualMFADevices', 'ListAccountAliases', 'ListInstanceProfilesForRole'])
        .map((name) => [name, 'always empty: nobody has any here; Terraform asks before it deletes']),
    ),
    GetLoginProfile: 'always `NoSuchEntity`: there are no passwords',
    DeleteLoginProfile: 'always `NoSuchEntity`: there are no passwords',
  },
  absent: {
    'There is no console to log in to, hence no passwords, second factors or aliases of the account.': [
      ...[
        'ChangePassword',
        'CreateAccountAlias',
        'CreateLoginProfile',
        'CreateVirtualMFADevice',
        'DeactivateMFADevice',
      ],
      ...['DeleteAccountAlias', 'DeleteAccountPasswordPolicy', 'DeleteVirtualMFADevice', 'EnableMFADevice'],
      ...['GetAccountPasswordPolicy', 'GetMFADevice', 'ListMFADeviceTags', 'ResyncMFADevice', 'TagMFADevice'],
      ...['UntagMFADevice', 'UpdateAccountPasswordPolicy', 'UpdateLoginProfile'],
    ],
    'There are no machines of AWS’s here, hence no instance profiles, service-linked roles or service credentials.': [
      ...[
        'AddRoleToInstanceProfile',
        'CreateInstanceProfile',
        'CreateServiceLinkedRole',
        'CreateServiceSpecificCredential',
      ],
      ...['DeleteInstanceProfile', 'DeleteServiceLinkedRole', 'DeleteServiceSpecificCredential', 'GetInstanceProfile'],
      ...['GetServiceLinkedRoleDeletionStatus', 'ListInstanceProfileTags', 'ListInstanceProfiles'],
      ...['RemoveRoleFromInstanceProfile', 'ResetServiceSpecificCredential', 'TagInstanceProfile'],
      ...['UntagInstanceProfile', 'UpdateServiceSpecificCredential'],
    ],
    'Identities from outside come in through OpenID Connect, not SAML.': [
      ...['CreateSAMLProvider', 'DeleteSAMLProvider', 'GetSAMLProvider', 'ListSAMLProviderTags', 'ListSAMLProviders'],
      ...['TagSAMLProvider', 'UntagSAMLProvider', 'UpdateSAMLProvider'],
    ],
    'Nobody is proven by certificates or SSH keys here.': [
      ...['DeleteSSHPublicKey', 'DeleteServerCertificate', 'DeleteSigningCertificate', 'GetSSHPublicKey'],
      ...['GetServerCertificate', 'ListServerCertificateTags', 'ListServerCertificates', 'TagServerCertificate'],
      ...['UntagServerCertificate', 'UpdateSSHPublicKey', 'UpdateServerCertificate', 'UpdateSigningCertificate'],
      ...['UploadSSHPublicKey', 'UploadServerCertificate', 'UploadSigningCertificate'],
    ],
    'One server is one account: there are no organizations, and nothing is delegated between accounts.': [
      ...['AcceptDelegationRequest', 'AssociateDelegationRequest', 'CreateDelegationRequest'],
      ...['DisableOrganizationsRootCredentialsManagement', 'DisableOrganizationsRootSessions'],
      ...['EnableOrganizationsRootCredentialsManagement', 'EnableOrganizationsRootSessions'],
      ...['GenerateOrganizationsAccessReport', 'GetDelegationRequest', 'GetHumanReadableSummary'],
      ...['GetOrganizationsAccessReport', 'ListDelegationRequests', 'ListOrganizationsFeatures'],
      ...['RejectDelegationRequest', 'SendDelegationToken', 'UpdateDelegationRequest'],
    ],
    'Temporary credentials of rekey open rekey only.': [
      ...['DisableOutboundWebIdentityFederation', 'EnableOutboundWebIdentityFederation'],
      ...['GetOutboundWebIdentityFederationInfo', 'SetSecurityTokenServicePreferences'],
    ],
    'The audit log answers who did what; `rekey policy simulate` answers who may.': [
      ...['GenerateCredentialReport', 'GenerateServiceLastAccessedDetails', 'GetAccountAuthorizationDetails'],
      ...['GetContextKeysForCustomPolicy', 'GetContextKeysForPrincipalPolicy', 'GetCredentialReport'],
      ...['GetServiceLastAccessedDetails', 'GetServiceLastAccessedDetailsWithEntities'],
      ...['ListPoliciesGrantingServiceAccess'],
    ],
  },
};

const sts: CoveredService = {
  title: 'STS (2011-06-15)',
  model: 'sts.model.json',
  operations: STS,
  folder: 'packages/server/src/faces/aws-sts',
  tests: [[/./, 'face.test.ts']],
  refused: {
    'AssumeRole.ProvidedContexts': 'Contexts come from AWS’s own identity services.',
    'AssumeRole.SerialNumber': 'There are no second factors here.',
    'AssumeRole.TokenCode': 'There are no second factors here.',
    'GetSessionToken.SerialNumber': 'There are no second factors here.',
    'GetSessionToken.TokenCode': 'There are no second factors here.',
    'AssumeRoleWithWebIdentity.ProviderId':
      'OAuth 2.0 access tokens of single companies; OpenID Connect tokens need none.',
  },
  ignored: {},
  notes: {},
  absent: {
    'Identities from outside come in through OpenID Connect, not SAML.': ['AssumeRoleWithSAML'],
    'One server is one account; nothing is delegated between accounts.': ['AssumeRoot', 'GetDelegatedAccessToken'],
    'AssumeRole and AssumeRoleWithWebIdentity take its place.': ['GetFederationToken'],
    'Temporary credentials of rekey open rekey only.': ['GetWebIdentityToken'],
  },
};

export const SERVICES: readonly CoveredService[] = [secretsManager, sts, iam];
