import type { Caller } from '@rekey/core';
import type { KeyStatus } from '../engine/keys/key-status.ts';
import type { WrappedKeyring } from '../seal/keyring.ts';
import type { UseCases } from './use-case.ts';

/** What the use cases about keys stand on; see {@link ../engine/keys/key-upkeep.ts KeyUpkeep}. */
export interface KeyParts {
  status(): Promise<KeyStatus>;
  rotate(askedBy: string): Promise<KeyStatus>;
  addWrap(wrap: WrappedKeyring, keyringRevision: number): Promise<KeyStatus>;
  cancelWrap(): Promise<KeyStatus>;
  forget(serverId: string): Promise<KeyStatus>;
}

/** A wrap of the keyring by another KEK, made by who may read the old one. */
export interface RewrapWish extends WrappedKeyring {
  /** Revision of the keyring that was wrapped. */
  readonly keyringRevision: number;
}

/** Use cases about the keys of the store. */
export class KeyCases {
  readonly #keys: KeyParts;
  readonly #cases: UseCases;

  constructor(keys: KeyParts, cases: UseCases) {
    this.#keys = keys;
    this.#cases = cases;
  }

  describe(caller: Caller): Promise<KeyStatus> {
    return this.#cases.onName({ caller, action: 'rekey:GetKeys', name: '*' }, () => this.#keys.status());
  }

  rotate(caller: Caller): Promise<KeyStatus> {
    return this.#cases.onName({ caller, action: 'rekey:RotateKeys', name: '*' }, () =>
      this.#keys.rotate(caller.principal.arn),
    );
  }

  /** Adds a wrap; the one in force stays until every server has opened the store with the new one. */
  rewrap(caller: Caller, { seal, wrapped, keyringRevision }: RewrapWish): Promise<KeyStatus> {
    return this.#cases.onName({ caller, action: 'rekey:RewrapKeys', name: '*' }, () =>
      this.#keys.addWrap({ seal, wrapped }, keyringRevision),
    );
  }

  cancelRewrap(caller: Caller): Promise<KeyStatus> {
    return this.#cases.onName({ caller, action: 'rekey:RewrapKeys', name: '*' }, () => this.#keys.cancelWrap());
  }

  forgetServer(caller: Caller, serverId: string): Promise<KeyStatus> {
    return this.#cases.onName({ caller, action: 'rekey:ForgetKeyServer', name: '*' }, () =>
      this.#keys.forget(serverId),
    );
  }
}
