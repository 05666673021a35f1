import type { WebIdentity } from '../../auth/oidc/web-identity.ts';
import type { SessionParts } from './session-parts.ts';
import type { Sessions } from './sessions.ts';

/** What the use cases about temporary credentials stand on. */
export interface StsParts extends SessionParts, StsOptions {
  readonly region: string;
}

/** What they need besides what all use cases do. */
export interface StsOptions {
  readonly sessions: Sessions;
  /** Access key id of root as it now is. */
  readonly rootKeyId: string;
  /** @throws RekeyError `unauthenticated`, or `unavailable` where the issuer's keys cannot be had */
  verifyWebIdentity(token: string): Promise<WebIdentity>;
}
