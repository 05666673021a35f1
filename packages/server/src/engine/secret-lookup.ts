import type { SecretRecord } from '@rekey/core';
import { type Soon, soon } from '../store/soon.ts';
import type { Entry, Store } from '../store/store.ts';

/** `arn:<partition>:secretsmanager:<region>:<account>:secret:<name>-<6 random characters>` (AWS). */
const SECRET_ARN = /^arn:[^:]*:secretsmanager:([^:]*):[^:]*:secret:(.+)$/;
/** What ends the ARN of a secret. */
export const arnSuffix = /-[A-Za-z0-9]{6}$/;

/** What stands for the name in the ARN of a secret, with or without a suffix; null where it is no such ARN. */
export function secretNameIn(arn: string): string | null {
  return SECRET_ARN.exec(arn)?.[2] ?? null;
}

/** A secret by its full ARN, its ARN without the suffix, or its name; null if there is none. At once where it is cached. */
export function findSecretById(store: Store, secretId: string): Soon<Entry<SecretRecord> | null> {
  const [, region, named] = SECRET_ARN.exec(secretId) ?? [];
  if (named === undefined) return store.findSecret(secretId);
  return soon(findByArn(store, secretId, named), (found) => found ?? findByArn(store, secretId, `${region}:${named}`));
}

/** @param named as the index of names has it; secrets of other regions than the server's own stand there as `region:name` */
function findByArn(store: Store, arn: string, named: string): Soon<Entry<SecretRecord> | null> {
  const name = named.replace(arnSuffix, '');
  return soon(name === named ? null : store.findSecret(name), (byFullArn) => {
    if (byFullArn?.record.arn === arn) return byFullArn;
    return soon(store.findSecret(named), (byPartialArn) =>
      byPartialArn?.record.arn.replace(arnSuffix, '') === arn ? byPartialArn : null,
    );
  });
}
