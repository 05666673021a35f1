import assert from 'node:assert/strict';
import { describe, it } from 'node:test';
import { CURRENT, PENDING, type RotationRecord, type RotationState, type SecretRecord } from '@rekey/core';
import fc from 'fast-check';
import type { BreachCase } from '../../store/breach-record.ts';
import { newRecord } from '../rotation/rotation-start.ts';
import { newCase } from './breach-case.ts';
import { type BreachFacts, decideBreach } from './breach-decision.ts';
import { cutShort, hastened } from './hasten.ts';

const VERSIONS = ['v1', 'v2', 'v3'] as const;
const version = fc.constantFrom(...VERSIONS);
const time = fc.integer({ min: 0, max: 2_000 });

const secretWith = (current: string, pending: string | null): SecretRecord => ({
  ...{ id: 's', name: 'app', arn: 'arn', description: null, kmsKeyId: null, tags: null, type: null },
  ...{ createdAt: 0, changedAt: 0, lastAccessedDay: null, deletedAt: null, purgeAt: null },
  versions: VERSIONS.map((id) => ({
    ...{ id, createdAt: 0, hasValue: true, lastAccessedDay: null, kmsKeyId: null },
    labels: [...(id === current ? [CURRENT] : []), ...(id === pending ? [PENDING] : [])],
  })),
  rotation: {
    ...{ enabled: true, functionArn: 'rekey-fake', rule: { kind: 'manual' as const }, number: 1 },
    settings: {
      ...{ strategy: 'auto' as const, overlap: 1_000, retireWithin: null, usernameMayChange: true },
      ...{ via: null, endSessions: false },
    },
    ...{ lastRotatedAt: null, plannedAt: null, deadlineAt: null, activeRotationId: null, queuedRotationId: null },
  },
});

const BEFORE: readonly RotationState[] = ['due', 'created', 'set', 'tested'];
const AFTER: readonly RotationState[] = ['promoted', 'retiring'];

const rotation = fc
  .record({
    versionId: version,
    previousVersionId: version,
    state: fc.constantFrom<RotationState>(...BEFORE, ...AFTER, 'blocked'),
    cause: fc.constantFrom<RotationRecord['cause']>('schedule', 'manual', 'breach', 'rollback', 'adopt', 'drift'),
    promotedAt: time,
    isBlockedAfter: fc.boolean(),
  })
  .map(({ isBlockedAfter, promotedAt: at, ...given }): RotationRecord => {
    const isPromoted = AFTER.includes(given.state) || (given.state === 'blocked' && isBlockedAfter);
    const secret = secretWith('v1', null);
    const made = newRecord(
      secret,
      { ...secret.rotation!, functionArn: 'rekey-fake' },
      given.versionId,
      { cause: given.cause, askedBy: 'x' },
      {
        ...{ now: 0, rotationId: `r-${given.versionId}`, freshVersionId: '', active: null, queued: null },
      },
    );
    return { ...made, ...given, promotedAt: isPromoted ? at : null, retireAt: isPromoted ? at + 1_000 : null };
  });

const facts = fc
  .record({
    current: version,
    pending: fc.option(version),
    active: fc.option(rotation),
    queued: fc.option(rotation),
    history: fc.array(rotation, { maxLength: 3 }),
    canProbe: fc.boolean(),
    canRotate: fc.boolean(),
    source: fc.constantFrom<BreachFacts['source']>('name', 'webhook'),
    reportedAt: time,
  })
  .map(({ current, pending, ...given }): BreachFacts => ({ ...given, secret: secretWith(current, pending) }));

const leaking = fc
  .record({
    versionIds: fc.uniqueArray(version, { minLength: 1 }),
    rotationIds: fc.uniqueArray(version),
    refusedAt: fc.option(time),
  })
  .map(({ versionIds, rotationIds, refusedAt }): BreachCase => {
    const found = newCase({ id: 's', name: 'app' }, versionIds, 'password', 0);
    return { ...found, refusedAt, rotationIds: rotationIds.map((id) => `r-${id}`) };
  });

const labelled = ({ secret }: BreachFacts, label: string) =>
  secret?.versions.find(({ labels }) => labels.includes(label))?.id ?? '';

describe('what is done about a leaked value', () => {
  it('never ends while it is current, may become so, or is in its overlap', () => {
    fc.assert(
      fc.property(leaking, facts, (found, given) => {
        const decision = decideBreach(found, given);
        const { active } = given;
        const isRetiring =
          active !== null && active.promotedAt !== null && found.versionIds.includes(active.previousVersionId ?? '');
        const isLive = [CURRENT, PENDING].some((label) => found.versionIds.includes(labelled(given, label)));
        if (isLive || isRetiring)
          assert.ok(decision.do !== 'finish' && decision.do !== 'probe', JSON.stringify(decision));
        if (decision.do === 'finish' && decision.refusedAt === null)
          assert.equal(decision.outcome === 'already-dead', false);
      }),
      { numRuns: 3_000 },
    );
  });

  it('never begins a rotation beside one that will make a new value anyway, nor endlessly many', () => {
    fc.assert(
      fc.property(leaking, facts, (found, given) => {
        if (decideBreach(found, given).do !== 'begin') return;
        const coming = [given.active, given.queued].filter(
          (record) => record !== null && record.promotedAt === null && !['adopt', 'drift'].includes(record.cause),
        );
        assert.deepEqual(coming, []);
        assert.ok(given.canRotate);
        const endless = { ...found, rotationIds: ['a', 'b', 'c', 'd', 'e'] };
        assert.notEqual(decideBreach(endless, given).do, 'begin');
      }),
      { numRuns: 3_000 },
    );
  });

  it('hurries and cuts short once: the second time there is nothing left to do', () => {
    fc.assert(
      fc.property(rotation, time, fc.boolean(), (record, now, endSessions) => {
        const settings = { overlap: 60_000, endSessions };
        const once = hastened(record, settings, now);
        if (once !== null) assert.equal(hastened(once, settings, now), null);
        const cut = { endSessions, leftBehind: [] };
        const short = cutShort(record, cut, now);
        if (short !== null) {
          assert.equal(cutShort(short, cut, now), null);
          assert.ok((short.retireAt ?? 0) <= now);
        }
        if (record.cause === 'rollback' && record.promotedAt === null)
          assert.equal(once?.cause ?? 'rollback', 'rollback');
      }),
    );
  });
});
