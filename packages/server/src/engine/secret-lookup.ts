import type { SecretRecord } from '@rekey/core';
import type { Entry, Store } from '../store/store.ts';

/** `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<6 random characters>` (AWS). */
const SECRET_ARN = /^arn:[^:]*:secretsmanager:([^:]*):[^:]*:secret:(.+)$/;
/** What ends the ARN of a secret. */
export const arnSuffix = /-[A-Za-z0-9]{6}$/;

/** What stands for the name in the ARN of a secret, with or without a suffix; null where it is no such ARN. */
export function secretNameIn(arn: string): string | null {
  return SECRET_ARN.exec(arn)?.[2] ?? null;
}

/** A secret by its full ARN, its ARN without the suffix, or its name; null if there is none. */
export async function findSecretById(store: Store, secretId: string): Promise<Entry<SecretRecord> | null> {
  const [, region, named] = SECRET_ARN.exec(secretId) ?? [];
  if (named === undefined) return store.findSecret(secretId);
  return (await findByArn(store, secretId, named)) ?? findByArn(store, secretId, `${region}:${named}`);
}

/** @param named as the index of names has it; secrets of other regions than the server's own stand there as `region:name` */
async function findByArn(store: Store, arn: string, named: string): Promise<Entry<SecretRecord> | null> {
  const byFullArn = arnSuffix.test(named) ? await store.findSecret(named.replace(arnSuffix, '')) : null;
  if (byFullArn?.record.arn === arn) return byFullArn;
  const byPartialArn = await store.findSecret(named);
  return byPartialArn?.record.arn.replace(arnSuffix, '') === arn ? byPartialArn : null;
}
