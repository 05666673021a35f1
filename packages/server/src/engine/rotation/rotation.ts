/**
 * The rotation machine: what comes next, decided from the record and a few facts, without touching anything.
 *
 * ```
 *   due ──create──► created ──set──► set ──test──► tested ──finish──► promoted ──► retiring ──revoke──► done
 *    ▲                 │ ▲             │                                  └── nothing to revoke ──────► done
 *    └──fresh value────┘ └──not taken──┘            sideways: blocked · rolled-back · abandoned
 * ```
 *
 * Order of the questions: has it ended; what did others do meanwhile (./interference.ts); is it its turn; was a step
 * cut short (./recover.ts); does something hold it (../order/hold.ts); else the next step.
 */
import type { RotationRecord } from '@rekey/core';
import type { HolderRecord } from '../../store/collections.ts';
import { deadlineOf } from '../holders/retirement-deadline.ts';
import type { RetirementDecision } from '../holders/retirement-gate.ts';
import { heldPhase } from '../order/hold.ts';
import { hasGivenValue, isTemporary } from './cause.ts';
import type { Decision, RotationFacts } from './decision.ts';
import { interference } from './interference.ts';
import { leftoverDecision } from './leftover.ts';
import { recover } from './recover.ts';
import { leftBehind, retirementSentence, validUntil } from './retirement-sentence.ts';
import { ENDED, hasOnePassword } from './rotation-change.ts';

/** Decides what to do next. Pure. */
export function next(record: RotationRecord, facts: RotationFacts): Decision {
  if (record.leftover === 'accepted') return leftoverDecision(record, facts);
  if (ENDED.has(record.state) || record.state === 'blocked') return { do: 'stop' };
  return (
    interference(record, facts) ??
    queue(record, facts) ??
    recover(record, facts) ??
    held(record, facts) ??
    pause(record, facts) ??
    progress(record, facts)
  );
}

/** How soon a queued rotation looks again when the one ahead has no time of its own. Milliseconds. */
const QUEUE_PATIENCE = 30_000;

function queue(_record: RotationRecord, { ahead, now }: RotationFacts): Decision | null {
  if (ahead === null) return null;
  const retireAt = ahead.retireAt ?? 0;
  return { do: 'wait', until: Math.max(retireAt, now + QUEUE_PATIENCE), why: queueSentence(ahead) };
}

/** Why a queued rotation does not begin, and when it will. */
export function queueSentence(ahead: RotationRecord): string {
  if (ahead.state === 'blocked')
    return `Waits for rotation ${ahead.number}, which is blocked: ${ahead.waitingFor ?? 'see its status'}`;
  if (ahead.retireAt === null) return `Waits for rotation ${ahead.number}, which is still at work.`;
  const { number, retireAt } = ahead;
  const retireBy = deadlineOf(ahead);
  const held = retireBy > retireAt ? `, and while somebody holds its old value until ${iso(retireBy)}` : '';
  return `Waits for the overlap of rotation ${number}, which runs until ${iso(retireAt)}${held}.`;
}

function iso(time: number): string {
  return new Date(time).toISOString();
}

/** Only before its target was told of it, and before an old value dies: see ../order/hold.ts. */
function held(record: RotationRecord, { hold, now }: RotationFacts): Decision | null {
  if (hold == null || hold.until <= now || heldPhase(record) === null) return null;
  if (record.state === 'retiring' && (record.retireAt ?? 0) > now) return null;
  return { do: 'wait', until: hold.until, why: hold.sentence, heldBy: hold.by, trouble: hold.trouble ?? false };
}

function pause({ nextAttemptAt, waitingFor }: RotationRecord, { now }: RotationFacts): Decision | null {
  if (nextAttemptAt === null || nextAttemptAt <= now) return null;
  return { do: 'wait', until: nextAttemptAt, why: waitingFor ?? 'Waits for its next attempt.' };
}

function progress(record: RotationRecord, facts: RotationFacts): Decision {
  switch (record.state) {
    case 'due':
      return fromDue(record, facts);
    case 'created':
      return fromCreated(record, facts);
    case 'set':
      return fromSet(record, facts);
    case 'tested':
      return isTemporary(record)
        ? { do: 'end', state: 'done', why: PROVEN[record.cause] ?? null }
        : { do: 'step', step: 'finish' };
    case 'promoted':
      return { do: 'settle' };
    case 'retiring':
      return fromRetiring(record, facts);
    default:
      return { do: 'stop' };
  }
}

function fromDue(record: RotationRecord, { targetProven }: RotationFacts): Decision {
  if (!targetProven) return { do: 'prove-target' };
  if (isTemporary(record)) return { do: 'copy-current' };
  if (record.cause === 'rollback') return { do: 'advance', to: 'created', why: 'The value before is at hand.' };
  return { do: 'step', step: 'create' };
}

/** What it means that the test of a temporary copy of *current* succeeded. */
const PROVEN: Partial<Record<RotationRecord['cause'], string>> = {
  adopt: 'The current value was tested; nothing was changed.',
  drift: 'The target was given the current value again, and it logs in.',
};

const TAKE_ANOTHER = 'Its rule may forbid values it held before: rotate to make a fresh one.';

function sentenceOf({ lastError }: RotationRecord): string {
  const text = lastError ?? 'The target rejected the value';
  return /[.!?]$/.test(text) ? text : `${text}.`;
}

function fromCreated(record: RotationRecord, { abilities }: RotationFacts): Decision {
  if (record.lastErrorClass !== 'rejected-value') return { do: 'step', step: 'set' };
  if (hasGivenValue(record)) return { do: 'block', why: `${sentenceOf(record)} ${TAKE_ANOTHER}` };
  if (abilities.probe) return { do: 'resolve', doubt: 'value-rejected' };
  const why = `The target rejected the new value, and ${record.functionArn} cannot look whether it holds it all the same: remove the label pending from the version, then rotate again.`;
  return { do: 'block', why };
}

/** A target that comes back within the first retries is tested as always. */
const TESTS_BEFORE_LOOK = 2;

/**
 * With one password, a value that was set is the only one the target takes: if its test fails for another reason
 * than reachability, promoting it ends the outage and holding it back prolongs it. A login decides. It also does when
 * the test stays unable to look: a role at its connection limit is let in and gets no session, for as long as that lasts.
 */
function fromSet(record: RotationRecord, { abilities }: RotationFacts): Decision {
  const { lastErrorClass, attempts } = record;
  const failedHard = lastErrorClass === 'unreachable' ? attempts >= TESTS_BEFORE_LOOK : lastErrorClass !== null;
  if (failedHard && hasOnePassword(record) && abilities.probe && record.cause !== 'adopt')
    return { do: 'resolve', doubt: 'test-failed' };
  return { do: 'step', step: 'test' };
}

function fromRetiring(record: RotationRecord, { now, retirement = null }: RotationFacts): Decision {
  const { retireAt } = record;
  if (retireAt !== null && retireAt > now) return { do: 'wait', until: retireAt, why: validUntil(retireAt) };
  if (retirement === null) return { do: 'step', step: 'revoke' };
  if (!retirement.retire) return heldUp(record, retirement);
  const holders = leftBehind(retirement);
  if (holders.length > 0 && record.leftBehind === undefined) return { do: 'leave-behind', holders };
  return { do: 'step', step: 'revoke' };
}

function heldUp(record: RotationRecord, decision: RetirementDecision<HolderRecord> & { retire: false }): Decision {
  const { until, sessions } = decision;
  const openSessions = typeof sessions === 'number' ? sessions : null;
  return { do: 'wait', until, why: retirementSentence(decision, deadlineOf(record)), openSessions };
}
