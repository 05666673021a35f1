import type { Caller } from '@rekey/core';
import type { AccessCases } from './access-cases.ts';

/** How much there is of everything. */
export interface AccountCounts {
  readonly users: number;
  readonly groups: number;
  readonly roles: number;
  readonly policies: number;
  readonly providers: number;
}

/** Use case about the account as a whole. */
export class AccountSummary {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  get(caller: Caller): Promise<AccountCounts> {
    const { store } = this.#cases;
    return this.#cases.onArn({ caller, action: 'iam:GetAccountSummary' }, async () => ({
      users: await store.count('user'),
      groups: await store.count('group'),
      roles: await store.count('role'),
      policies: await store.count('policy'),
      providers: await store.count('oidc-provider'),
    }));
  }
}
