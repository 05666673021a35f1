/** Who asks: root for now; users, roles and sessions are further kinds of the same thing. */
export interface Principal {
  readonly kind: 'root' | 'user' | 'role-session' | 'engine';
  /** ARN (`arn:aws:iam::000000000000:root`). */
  readonly arn: string;
  readonly accountId: string;
}

/** A principal, the session it came with and where from: first argument of every use case. */
export interface Caller {
  readonly principal: Principal;
  /** Id of the access key or token the request was signed with; null for the engine itself. Never the secret part. */
  readonly accessKeyId: string | null;
  readonly address: string;
  readonly secure: boolean;
  readonly userAgent: string | null;
  /** Name of the face and id of the request, for audit. */
  readonly face: string;
  readonly requestId: string;
}
