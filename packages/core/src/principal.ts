import type { InlinePolicy } from './access.ts';
import type { Tag } from './secret.ts';

/** Who asks. */
export interface Principal {
  /** `federated`: bearer of a web identity token, who can do nothing but assume a role. */
  readonly kind: 'root' | 'user' | 'role-session' | 'federated' | 'engine';
  /** ARN (`arn:aws:iam::000000000000:root`); of a session the assumed-role ARN, of a bearer its OIDC provider's. */
  readonly arn: string;
  readonly accountId: string;
  /** Unique id: `AIDA…`, `AROA…:session`, of root the account's id. Never reused, unlike a name. */
  readonly id: string;
  /** Name of the user; null for everybody else. */
  readonly name: string | null;
  /** The role assumed; null for everybody else. */
  readonly role: { readonly arn: string; readonly id: string } | null;
  /** Tags of user or role, and of the session where it brought its own. */
  readonly tags: readonly Tag[];
  /** Null for long-term keys. */
  readonly session: PrincipalSession | null;
}

/** What is known of a session that was opened for a time. */
export interface PrincipalSession {
  /** Milliseconds since the epoch. */
  readonly issuedAt: number;
  readonly sourceIdentity: string | null;
  /** ARN of the OIDC provider whose token opened the session. */
  readonly federatedProvider: string | null;
  /** Policies given when the session was opened: together the most that it may do. Empty where nothing narrows it. */
  readonly policies: readonly InlinePolicy[];
  /** Keys of the session's tags that a role assumed from it will carry too. */
  readonly transitiveTagKeys: readonly string[];
}

/** The account's root, who may do everything. */
export function rootPrincipal(accountId: string): Principal {
  const arn = `arn:aws:iam::${accountId}:root`;
  return { kind: 'root', arn, accountId, id: accountId, name: null, role: null, tags: [], session: null };
}

/** A principal, the session it came with and where from: first argument of every use case. */
export interface Caller {
  readonly principal: Principal;
  /** Id of the access key or token the request was signed with; null for the engine itself. Never the secret part. */
  readonly accessKeyId: string | null;
  /** Region the request was signed for; left out where that is the server's own. */
  readonly region?: string;
  readonly address: string;
  readonly secure: boolean;
  readonly userAgent: string | null;
  /** Name of the face and id of the request, for audit. */
  readonly face: string;
  readonly requestId: string;
}
