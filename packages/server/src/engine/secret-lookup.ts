import type { SecretRecord } from '@rekey/core';
import type { Entry, Store } from '../store/store.ts';

/** `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<6 random characters>` (AWS). */
const SECRET_ARN = /^arn:[^:]*:secretsmanager:[^:]*:[^:]*:secret:(.+)$/;
const SUFFIX = /-[A-Za-z0-9]{6}$/;

/** A secret by its full ARN, its ARN without the suffix, or its name; null if there is none. */
export async function findSecretById(store: Store, secretId: string): Promise<Entry<SecretRecord> | null> {
  const named = SECRET_ARN.exec(secretId)?.[1];
  if (named === undefined) return store.findSecret(secretId);
  const byFullArn = SUFFIX.test(named) ? await store.findSecret(named.replace(SUFFIX, '')) : null;
  if (byFullArn?.record.arn === secretId) return byFullArn;
  const byPartialArn = await store.findSecret(named);
  return byPartialArn?.record.arn.replace(SUFFIX, '') === secretId ? byPartialArn : null;
}
