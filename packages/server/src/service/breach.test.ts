import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { RekeyError } from '@rekey/core';
import { openService, ROOT, STRANGER } from './testing.ts';

const LEAKED = 'tr0ub4dor&3-as-it-leaked';
const HOW = { settings: {}, note: null };

function refusal(work: Promise<unknown>): Promise<RekeyError> {
  return work.then(
    () => assert.fail('was not refused'),
    (error: unknown) => (error instanceof RekeyError ? error : assert.fail(String(error))),
  );
}

describe('a report of a breach', () => {
  test('in which the value was typed as the name writes it into no error and no audit entry, and says what to do', async () => {
    const { service, audited } = await openService();
    for (const name of [LEAKED, `arn:${LEAKED}`]) {
      const error = await refusal(service.breach.reportSecret(ROOT, name, HOW));
      assert.deepEqual([error.code, error.reason], ['not-found', 'secret-not-found']);
      assert.match(error.message, /--value-from-stdin/);
      assert.doesNotMatch(JSON.stringify([error.message, error.facts]), /tr0ub4dor/);
    }
    assert.deepEqual(
      audited.map(({ resource, outcome }) => [resource, outcome]),
      [
        ['an unknown name', 'failed'],
        ['an unknown name', 'failed'],
      ],
    );
    assert.doesNotMatch(JSON.stringify(audited), /tr0ub4dor/);
  });

  test('is refused alike to whom it is not permitted, whether there is such a secret or not', async () => {
    const { service, audited } = await openService();
    const value = { versionId: 'first'.padEnd(32, '-'), value: { kind: 'text', text: 'x' } } as const;
    const { secret } = await service.secrets.create(ROOT, { name: 'shop', value });
    audited.length = 0;
    const theirs = await refusal(service.breach.reportSecret(STRANGER, 'shop', HOW));
    const nobodys = await refusal(service.breach.reportSecret(STRANGER, LEAKED, HOW));
    assert.equal(theirs.reason, 'not-permitted');
    assert.deepEqual([theirs.code, theirs.message, theirs.facts], [nobodys.code, nobodys.message, nobodys.facts]);
    assert.deepEqual(
      audited.map(({ resource }) => resource),
      [secret.arn, 'an unknown name'],
    );
    assert.doesNotMatch(JSON.stringify(audited), /tr0ub4dor/);
  });
});
