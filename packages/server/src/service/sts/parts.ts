import type { Clock, RandomSource } from '@rekey/core';
import type { WebIdentity } from '../../auth/oidc/web-identity.ts';
import type { Store } from '../../store/store.ts';
import type { AccessDirectory } from '../access/directory.ts';
import type { Sessions } from './sessions.ts';

/** What sessions stand on. */
export interface SessionParts {
  readonly store: Store;
  readonly directory: AccessDirectory;
  readonly clock: Pick<Clock, 'now'>;
  readonly random: RandomSource;
  readonly account: string;
  /** Access key id of root as it now is. */
  readonly rootKeyId: string;
}

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
