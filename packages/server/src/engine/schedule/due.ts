import type { SecretRecord } from '@rekey/core';
import type { Hold } from '../order/hold.ts';
import { postponedSentence } from '../order/postponement.ts';

export interface DueFacts {
  readonly now: number;
  /** True while a restored store waits for a person's word: nothing rotates. */
  readonly quarantined: boolean;
  /** What would hold a rotation that the schedule begins now; left out or null if nothing. */
  readonly hold?: Hold | null;
}

/** Why a secret is, or is not, rotated now. */
export interface DueReason {
  readonly reason: string;
  readonly due: boolean;
  readonly sentence: string;
}

interface DueCheck {
  readonly reason: string;
  readonly due: boolean;
  /** The sentence if the check applies, else null. */
  applies(secret: SecretRecord, facts: DueFacts): string | null;
}

/**
 * Is it due, and why? All that can be said, in order of weight: what forbids stands before what asks. A new reason
 * (a gate, a freeze) is one entry here.
 */
const CHECKS: readonly DueCheck[] = [
  {
    reason: 'deleted',
    due: false,
    applies: ({ deletedAt }) => (deletedAt === null ? null : 'The secret is marked for deletion.'),
  },
  {
    reason: 'not-configured',
    due: false,
    applies: ({ rotation }) => (rotation === null ? 'Rotation was never configured.' : null),
  },
  {
    reason: 'switched-off',
    due: false,
    applies: ({ rotation }) => (rotation?.enabled === false ? 'Rotation is switched off.' : null),
  },
  {
    reason: 'no-function',
    due: false,
    applies: ({ rotation }) => (rotation?.functionArn === null ? 'No rotation function is named.' : null),
  },
  {
    reason: 'quarantine',
    due: false,
    applies: (_, { quarantined }) =>
      quarantined ? 'The store is in quarantine after a restore: nothing rotates until `rekey quarantine end`.' : null,
  },
  {
    reason: 'queued',
    due: false,
    applies: ({ rotation }) => (rotation?.queuedRotationId == null ? null : 'A rotation already waits for its turn.'),
  },
  {
    reason: 'at-work',
    due: false,
    applies: ({ rotation }) =>
      rotation?.activeRotationId != null && rotation.plannedAt === null ? 'A rotation is at work.' : null,
  },
  {
    reason: 'manual',
    due: false,
    applies: ({ rotation }) => (rotation?.rule.kind === 'manual' ? 'It is rotated only when somebody asks.' : null),
  },
  {
    reason: 'postponed',
    due: false,
    applies: ({ rotation }, { now }) =>
      rotation?.plannedAt != null && rotation.plannedAt > now ? postponedSentence(rotation) : null,
  },
  {
    reason: 'held',
    due: false,
    applies: ({ rotation }, { hold }) => (rotation?.postponed == null ? (hold?.sentence ?? null) : null),
  },
  {
    reason: 'not-yet',
    due: false,
    applies: ({ rotation }, { now }) =>
      rotation?.plannedAt != null && rotation.postponed == null && rotation.plannedAt > now
        ? `It is planned for ${iso(rotation.plannedAt)}.`
        : null,
  },
  {
    reason: 'overdue',
    due: true,
    applies: ({ rotation }, { now }) =>
      rotation?.deadlineAt != null && rotation.deadlineAt < now
        ? `It should have been rotated by ${iso(rotation.deadlineAt)}.`
        : null,
  },
  {
    reason: 'planned',
    due: true,
    applies: ({ rotation }, { now }) =>
      rotation?.plannedAt != null && rotation.plannedAt <= now
        ? `It was planned for ${iso(rotation.plannedAt)}.`
        : null,
  },
];

/** Every reason that applies; the secret is due when none of them forbids it and one asks for it. */
export function dueReasons(
  secret: SecretRecord,
  facts: DueFacts,
): { readonly due: boolean; readonly reasons: readonly DueReason[] } {
  const reasons = CHECKS.flatMap(({ reason, due, applies }) => {
    const sentence = applies(secret, facts);
    return sentence === null ? [] : [{ reason, due, sentence }];
  });
  return { due: reasons.length > 0 && reasons.every(({ due }) => due), reasons };
}

function iso(time: number): string {
  return new Date(time).toISOString();
}
