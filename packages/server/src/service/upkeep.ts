import type { Caller } from '@rekey/core';
import type { UseCases } from './use-case.ts';

/** How a restored store stands. */
export interface QuarantineView {
  /** Why nothing rotates, in one sentence; null if it is not in quarantine. */
  readonly quarantine: string | null;
  /** What was found of each secret that needed a look, with what to do. */
  readonly report: readonly { readonly name: string; readonly outcome: string; readonly sentence: string }[];
}

/** What upkeep stands on; `compose.ts` puts it together. */
export interface UpkeepParts {
  /** A consistent copy of the store. */
  backup(): Promise<Uint8Array>;
  quarantine(): Promise<QuarantineView>;
  /** False if there is none. @throws RekeyError `invalid-state` while it found something that needs a person, unless told to go on despite it. */
  endQuarantine(wish: { readonly despiteFindings: boolean }): Promise<boolean>;
}

/** Use cases about the server itself. */
export class UpkeepCases {
  readonly #parts: UpkeepParts;
  readonly #cases: UseCases;

  constructor(parts: UpkeepParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  backup(caller: Caller): Promise<Uint8Array> {
    return this.#cases.onName({ caller, action: 'rekey:Backup', name: '*' }, () => this.#parts.backup());
  }

  quarantine(caller: Caller): Promise<QuarantineView> {
    return this.#cases.onName({ caller, action: 'rekey:GetQuarantine', name: '*' }, () => this.#parts.quarantine());
  }

  /** Whether there was one to end. */
  endQuarantine(caller: Caller, wish: { readonly despiteFindings: boolean }): Promise<boolean> {
    return this.#cases.onName({ caller, action: 'rekey:EndQuarantine', name: '*' }, () =>
      this.#parts.endQuarantine(wish),
    );
  }
}
