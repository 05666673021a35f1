import { type Caller, CURRENT, type RotationRecord, type Strategy } from '@rekey/core';
import { type HolderView, holderView } from '../engine/holders/holder-view.ts';
import { deadlineOf } from '../engine/holders/retirement-deadline.ts';
import { findLabelled, findVersion } from '../engine/versions.ts';
import type { ServiceParts } from './parts.ts';
import { versionNotFound } from './refusals.ts';
import type { UseCases } from './use-case.ts';

/** Who uses a secret, and what its retiring value waits for. */
export interface HoldersView {
  readonly currentVersionId: string | null;
  /** Last seen first. */
  readonly holders: readonly HolderView[];
  /** How old and new would overlap, as far as that is known before a look at the target; null where it is not. */
  readonly strategy: Strategy | null;
  /** The old value that is still valid; null if there is none. */
  readonly retirement: RetirementView | null;
}

export interface RetirementView {
  readonly versionId: string | null;
  /** Not before, and not after; milliseconds since the epoch. */
  readonly retireAt: number;
  readonly retireBy: number;
  /** Sessions open at the target under the old value when it was last looked; null where nobody looked or can tell. */
  readonly openSessions: number | null;
  readonly waitingFor: string | null;
}

/** What an instance acknowledges; a null version says that it uses none any more. */
export interface AcknowledgementWish {
  readonly versionId: string | null;
  readonly instance: string;
  readonly every: number | null;
}

/** Use cases about holders: who was seen with which version, and who says so itself. */
export class UsageCases {
  readonly #parts: ServiceParts;
  readonly #cases: UseCases;

  constructor(parts: ServiceParts, cases: UseCases) {
    this.#parts = parts;
    this.#cases = cases;
  }

  /** Who was seen with which version. */
  list(caller: Caller, secretId: string): Promise<HoldersView> {
    const action = 'rekey:ListHolders';
    return this.#cases.onSecret({ caller, action, secretId, alsoReplicas: true }, async ({ id, record }) => {
      const { holders, rotations, clock } = this.#parts;
      const currentVersionId = findLabelled(record, CURRENT)?.id ?? null;
      const now = clock.now();
      const listed = (await holders.list(id)).map((holder) =>
        holderView(holder, currentVersionId, now, holders.attendance.since),
      );
      const [last] = await rotations.history(id, 1);
      const named = record.rotation?.settings.strategy ?? 'auto';
      const strategy = named === 'auto' ? (last?.strategy ?? null) : named;
      const retirement = retirementOf(await rotations.active(id));
      return { currentVersionId, holders: listed, strategy, retirement };
    });
  }

  /** Takes an instance's word for the version that it uses. */
  acknowledge(caller: Caller, secretId: string, wish: AcknowledgementWish): Promise<void> {
    const action = 'rekey:AcknowledgeVersion';
    const { versionId, instance, every } = wish;
    return this.#cases.onSecret({ caller, action, secretId, alsoReplicas: true }, async ({ id, record }, trail) => {
      trail.versionId = versionId;
      if (versionId === null) return this.#parts.holders.released(caller, id, instance);
      if (findVersion(record, versionId) === null) throw versionNotFound(versionId);
      return this.#parts.holders.acknowledged(caller, id, { versionId, instance, every });
    });
  }
}

function retirementOf(active: RotationRecord | null): RetirementView | null {
  if (active === null || active.promotedAt === null || active.retireAt === null) return null;
  const { previousVersionId: versionId, retireAt, openSessions = null, waitingFor } = active;
  return { versionId, retireAt, retireBy: deadlineOf(active), openSessions, waitingFor };
}
