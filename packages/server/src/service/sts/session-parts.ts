import type { Clock, RandomSource } from '@rekey/core';
import type { Store } from '../../store/store.ts';
import type { AccessDirectory } from '../access/directory.ts';

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
