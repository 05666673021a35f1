import type { Caller } from '@rekey/core';
import type { AccessCases } from './access-cases.ts';
import { notFound } from './refusals.ts';

/** Use cases about what nobody has here (console passwords, second factors, SSH keys …): asked for, permitted, empty. */
export class Absent {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  /** Of a user or role, which must exist. */
  of(caller: Caller, action: string, kind: 'user' | 'role', name: string): Promise<void> {
    return this.#cases.on(kind, { caller, action, name }, () => {});
  }

  ofAccount(caller: Caller, action: string): Promise<void> {
    return this.#cases.onArn({ caller, action }, () => {});
  }

  /** @throws RekeyError reason `no-such-entity`: nobody has one */
  loginProfile(caller: Caller, action: string, name: string): Promise<never> {
    return this.#cases.on('user', { caller, action, name }, ({ record }) => {
      throw notFound(`Login Profile for User ${record.name} cannot be found.`);
    });
  }
}
