import type { AccessKeyRecord, AccessUseRecord, Caller, UserRecord } from '@rekey/core';
import type { AccessCases } from './access-cases.ts';
import type { AccessUses } from './access-uses.ts';
import { makeAccessKeyId, makeSecretAccessKey } from './identifiers.ts';
import { MOST_ACCESS_KEYS } from './limits.ts';
import type { Page, PageRequest } from './pages.ts';
import { rewrite, write } from './records.ts';
import { notFound, quotaExceeded } from './refusals.ts';

/** An access key without its secret part. */
export type AccessKeyView = Pick<AccessKeyRecord, 'id' | 'active' | 'createdAt'>;

/** Use cases about access keys of users. */
export class AccessKeys {
  readonly #cases: AccessCases;
  readonly #uses: Pick<AccessUses, 'find'>;

  constructor(cases: AccessCases, uses: Pick<AccessUses, 'find'>) {
    this.#cases = cases;
    this.#uses = uses;
  }

  /** The only answer that ever holds the secret part. */
  create(caller: Caller, name: string): Promise<{ readonly user: string; readonly key: AccessKeyRecord }> {
    const ask = { caller, action: 'iam:CreateAccessKey', name };
    return this.#cases.change('user', ask, ({ id: userId, record }) => {
      if (record.accessKeys.length >= MOST_ACCESS_KEYS) throw quotaExceeded('AccessKeysPerUser', MOST_ACCESS_KEYS);
      const { random } = this.#cases;
      const key: AccessKeyRecord = {
        id: makeAccessKeyId(random),
        userId,
        secretAccessKey: makeSecretAccessKey(random),
        active: true,
        createdAt: this.#cases.now(),
      };
      return {
        record: { ...record, accessKeys: [...record.accessKeys, key.id] },
        writes: [write('access-key', key.id, key, 0)],
        answer: { user: record.name, key },
      };
    });
  }

  list(caller: Caller, name: string, page: PageRequest): Promise<Page<AccessKeyView> & { readonly user: string }> {
    const action = 'iam:ListAccessKeys';
    return this.#cases.on('user', { caller, action, name }, async ({ id, record }) => {
      const entries = await Promise.all(record.accessKeys.map((key) => this.#cases.store.get('access-key', key)));
      const keys = entries.flatMap((entry) => (entry === null ? [] : [viewOf(entry.record)]));
      return { user: record.name, ...this.#cases.pages.ofItems(`${action} ${id}`, keys, page, (key) => key.id) };
    });
  }

  setActive(caller: Caller, name: string, keyId: string, active: boolean): Promise<void> {
    const ask = { caller, action: 'iam:UpdateAccessKey', name };
    return this.#cases.changeBoth('user', ask, null, async ({ record }) => {
      const key = await this.#find(record, keyId);
      const writes = key.record.active === active ? [] : [rewrite('access-key', key, { ...key.record, active })];
      return { writes, answer: undefined };
    });
  }

  delete(caller: Caller, name: string, keyId: string): Promise<void> {
    const ask = { caller, action: 'iam:DeleteAccessKey', name };
    return this.#cases.changeBoth('user', ask, null, async (found) => {
      const key = await this.#find(found.record, keyId);
      const accessKeys = found.record.accessKeys.filter((id) => id !== keyId);
      const writes = [
        rewrite('user', found, { ...found.record, accessKeys }),
        write('access-key', keyId, null, key.revision),
        write('access-use', keyId, null),
      ];
      return { writes, answer: undefined };
    });
  }

  /** Whose key it is and when it was last used; null if never. */
  lastUsed(caller: Caller, keyId: string): Promise<{ readonly user: string; readonly use: AccessUseRecord | null }> {
    const locate = async () => {
      const key = await this.#cases.store.get('access-key', keyId);
      const user = key === null ? null : await this.#cases.store.get('user', key.record.userId);
      return { user, arn: user?.record.arn ?? '*', tags: user?.record.tags ?? [], asked: `access key ${keyId}` };
    };
    return this.#cases.onLocated({ caller, action: 'iam:GetAccessKeyLastUsed', locate }, async ({ user }) => {
      if (user === null) throw noSuchKey(keyId);
      return { user: user.record.name, use: await this.#uses.find(keyId) };
    });
  }

  async #find(user: UserRecord, keyId: string) {
    const key = user.accessKeys.includes(keyId) ? await this.#cases.store.get('access-key', keyId) : null;
    if (key === null) throw noSuchKey(keyId);
    return key;
  }
}

function viewOf({ id, active, createdAt }: AccessKeyRecord): AccessKeyView {
  return { id, active, createdAt };
}

function noSuchKey(keyId: string) {
  return notFound(`The Access Key with id ${keyId} cannot be found.`);
}
