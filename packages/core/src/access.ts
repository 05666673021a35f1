import type { Tag } from './secret.ts';

/**
 * Who there is and what is written about them: users, groups, roles, managed policies, OIDC providers, access keys.
 * Records refer to each other by unique id (`AIDA…`, `AGPA…`, `AROA…`, `ANPA…`), so that a name that was deleted and
 * made again is somebody else. Times are milliseconds since the epoch.
 */
export interface PolicyOwner {
  /** Unique id, never reused. */
  readonly id: string;
  readonly name: string;
  /** `/` or `/division/team/`. */
  readonly path: string;
  readonly arn: string;
  readonly createdAt: number;
  /** By name. */
  readonly inlinePolicies: readonly InlinePolicy[];
  /** Ids of managed policies, in the order they were attached. */
  readonly attachedPolicies: readonly string[];
}

export interface InlinePolicy {
  readonly name: string;
  /** As it was written. */
  readonly document: string;
}

export interface UserRecord extends PolicyOwner {
  readonly tags: readonly Tag[];
  /** Id of the managed policy that bounds what the user may be given; null if none does. */
  readonly boundary: string | null;
  /** Ids of groups, in the order they were joined. */
  readonly groups: readonly string[];
  /** Ids of access keys, oldest first. */
  readonly accessKeys: readonly string[];
}

export interface GroupRecord extends PolicyOwner {
  /** How many users are in it. */
  readonly members: number;
}

export interface RoleRecord extends PolicyOwner {
  readonly tags: readonly Tag[];
  readonly boundary: string | null;
  readonly description: string | null;
  /** Trust policy: who may assume the role. Users and roles of the account stand in it by unique id. */
  readonly trust: string;
  /** Longest session, in seconds: 3,600 to 43,200. */
  readonly maxSessionDuration: number;
}

export interface ManagedPolicyRecord {
  readonly id: string;
  readonly name: string;
  readonly path: string;
  readonly arn: string;
  readonly description: string | null;
  readonly createdAt: number;
  readonly changedAt: number;
  readonly tags: readonly Tag[];
  /** Oldest first; at most five. */
  readonly versions: readonly PolicyVersionRecord[];
  /** Id of the version that counts. */
  readonly defaultVersion: string;
  /** Number of the next version; numbers are not reused. */
  readonly nextVersion: number;
  /** How many users, groups and roles have it attached. */
  readonly attachments: number;
  /** How many users and roles have it as their boundary. */
  readonly boundaries: number;
}

export interface PolicyVersionRecord {
  /** `v1` upwards. */
  readonly id: string;
  readonly document: string;
  readonly createdAt: number;
}

/** An issuer of web identity tokens that roles may trust. */
export interface OidcProviderRecord {
  readonly arn: string;
  /** Issuer without its scheme, as the ARN has it. */
  readonly url: string;
  /** Issuer as its tokens name it in `iss`, with its scheme (`https://`; `http://` only where the server allows it). */
  readonly issuer: string;
  /** Audiences that are accepted. */
  readonly clientIds: readonly string[];
  /** SHA-1 of the issuer's CA certificates, 40 hex digits; kept for clients, trust comes from the machine's CAs. */
  readonly thumbprints: readonly string[];
  readonly tags: readonly Tag[];
  readonly createdAt: number;
}

export interface AccessKeyRecord {
  /** `AKIA…`. */
  readonly id: string;
  readonly userId: string;
  readonly secretAccessKey: string;
  readonly active: boolean;
  readonly createdAt: number;
}

/** The last use of an access key or role; written in batches, the last minute of it is lost in a crash. */
export interface AccessUseRecord {
  readonly at: number;
  readonly service: string;
  readonly region: string;
}
