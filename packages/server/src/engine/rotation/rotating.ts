import type { RotationRecord, SecretValue } from '@rekey/core';
import type { Entry, StoreWrite } from '../../store/entry.ts';
import type { DurablePoint } from '../boundary.ts';

/** A rotation in hand: as it is durable, or ahead of that by what goes on record with what comes next. */
export interface Rotating extends Entry<RotationRecord> {
  /** Only what is found again by itself after a crash, or done again at no cost, may wait for the next commit. */
  readonly ahead?: Ahead;
}

/** What came about since the record was written, to be written in one commit with whatever follows. */
export interface Ahead {
  /** The record as it is durable. */
  readonly of: RotationRecord;
  readonly points: readonly DurablePoint[];
  /** The value that was made; it is in the escrow journal already. */
  readonly value?: SecretValue;
  readonly further?: Further;
}

/** Writes that go along in the commit; asked again where that meets a conflict with somebody who wrote the same. */
export type Further = () => Promise<readonly StoreWrite[]>;

/** The record as it was just written; null: read it again. */
export type Written = Rotating | null;
