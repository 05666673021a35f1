import assert from 'node:assert/strict';
import { describe, test } from 'node:test';
import { type Caller, RekeyError } from '@rekey/core';
import type { Service } from './service.ts';
import { openService, ROOT, STRANGER } from './testing.ts';

const VERSION = 'v'.repeat(32);
const VALUE = { kind: 'text', text: 'the value' } as const;
const LISTING = { filters: [], includeDeleted: false, sortBy: 'created', descending: false, limit: 10 } as const;

/** Every use case there is. */
const USE_CASES: Readonly<Record<string, (service: Service, caller: Caller) => Promise<unknown>>> = {
  'secretsmanager:BatchGetSecretValue': ({ values }, caller) => values.getEach(caller, ['a']),
  'secretsmanager:BatchGetSecretValue by filters': ({ values }, caller) =>
    values.getListed(caller, { filters: [], limit: 10 }),
  'secretsmanager:CancelRotateSecret': ({ rotation }, caller) => rotation.cancel(caller, 'a'),
  'secretsmanager:CreateSecret': ({ secrets }, caller) => secrets.create(caller, { name: 'b' }),
  'secretsmanager:DeleteResourcePolicy': ({ policies }, caller) => policies.delete(caller, 'a'),
  'secretsmanager:DeleteSecret': ({ secrets }, caller) => secrets.delete(caller, 'a', { force: true }),
  'secretsmanager:DescribeSecret': ({ secrets }, caller) => secrets.describe(caller, 'a'),
  'secretsmanager:GetRandomPassword': ({ passwords }, caller) => passwords.make(caller, {}),
  'secretsmanager:GetResourcePolicy': ({ policies }, caller) => policies.get(caller, 'a'),
  'secretsmanager:GetSecretValue': ({ values }, caller) => values.get(caller, { secretId: 'a' }),
  'secretsmanager:ListSecretVersionIds': ({ values }, caller) =>
    values.listVersions(caller, { secretId: 'a', includeUnlabelled: false, limit: 10 }),
  'secretsmanager:ListSecrets': ({ secrets }, caller) => secrets.list(caller, LISTING),
  'secretsmanager:PutResourcePolicy': ({ policies }, caller) =>
    policies.put(caller, { secretId: 'a', text: '{}', blockPublic: false }),
  'secretsmanager:PutSecretValue': ({ values }, caller) =>
    values.put(caller, { secretId: 'a', versionId: VERSION, value: VALUE }),
  'secretsmanager:RemoveRegionsFromReplication': ({ replicas }, caller) => replicas.remove(caller, 'a', ['eu-west-1']),
  'secretsmanager:ReplicateSecretToRegions': ({ replicas }, caller) =>
    replicas.add(caller, 'a', { regions: [{ region: 'eu-west-1', kmsKeyId: null }], overwrite: false }),
  'secretsmanager:RestoreSecret': ({ secrets }, caller) => secrets.restore(caller, 'a'),
  'secretsmanager:RotateSecret': ({ rotation }, caller) =>
    rotation.rotate(caller, { secretId: 'a', versionId: VERSION, immediately: true }),
  'secretsmanager:StopReplicationToReplica': ({ replicas }, caller) => replicas.promote(caller, 'a'),
  'secretsmanager:TagResource': ({ secrets }, caller) => secrets.tag(caller, 'a', [{ key: 'k', value: 'v' }]),
  'secretsmanager:UntagResource': ({ secrets }, caller) => secrets.untag(caller, 'a', ['k']),
  'secretsmanager:UpdateSecret': ({ secrets }, caller) => secrets.update(caller, { secretId: 'a', description: 'd' }),
  'secretsmanager:UpdateSecretVersionStage': ({ values }, caller) =>
    values.moveLabel(caller, { secretId: 'a', label: 'mine', to: VERSION }),
  'secretsmanager:ValidateResourcePolicy': ({ policies }, caller) => policies.validate(caller, 'a', '{}'),
  'iam:SimulatePrincipalPolicy': ({ simulation }, caller) =>
    simulation.ofSecret(caller, { principal: ROOT.principal.arn, action: 'sts:X', secretId: 'a', keys: {} }),
  'rekey:AdoptSecret': ({ rotation }, caller) => rotation.adopt(caller, 'a'),
  'rekey:ApplyDeclaration': ({ declarations }, caller) =>
    declarations.apply(caller, { declaration: {}, prune: false, shown: null }),
  'rekey:PlanDeclaration': ({ declarations }, caller) => declarations.plan(caller, { declaration: {}, prune: false }),
  'rekey:Backup': ({ upkeep }, caller) => upkeep.backup(caller),
  'rekey:GetBreach': ({ breach }, caller) => breach.get(caller, 'b'),
  'rekey:ListBreaches': ({ breach }, caller) => breach.list(caller),
  'rekey:ReportBreach': ({ breach }, caller) => breach.reportSecret(caller, 'a', { settings: {}, note: null }),
  'rekey:ReportBreachOfValue': ({ breach }, caller) => breach.reportValue(caller, 'x', { settings: {}, note: null }),
  'rekey:ConfigureRotation': ({ rotation }, caller) => rotation.configure(caller, 'a', {}),
  'rekey:DescribeRotation': ({ rotation }, caller) => rotation.describe(caller, 'a'),
  'rekey:DescribeRotation of one': ({ rotation }, caller) => rotation.get(caller, 'a', 'r'),
  'rekey:DescribeRotation of all': ({ rotation }, caller) => rotation.history(caller, 'a', 10),
  'rekey:EndQuarantine': ({ upkeep }, caller) => upkeep.endQuarantine(caller, { despiteFindings: false }),
  'rekey:GetQuarantine': ({ upkeep }, caller) => upkeep.quarantine(caller),
  'rekey:GetStatus': ({ status }, caller) => status.get(caller),
  'rekey:GetKeys': ({ keys }, caller) => keys.describe(caller),
  'rekey:RotateKeys': ({ keys }, caller) => keys.rotate(caller),
  'rekey:RewrapKeys': ({ keys }, caller) => keys.rewrap(caller, { seal: 'x', wrapped: 'x', keyringRevision: 1 }),
  'rekey:RewrapKeys by cancelling': ({ keys }, caller) => keys.cancelRewrap(caller),
  'rekey:ForgetKeyServer': ({ keys }, caller) => keys.forgetServer(caller, 'x'),
  'rekey:ListHolders': ({ usage }, caller) => usage.list(caller, 'a'),
  'rekey:AcknowledgeVersion': ({ usage }, caller) =>
    usage.acknowledge(caller, 'a', { versionId: null, instance: 'i', every: null }),
  'rekey:WatchChanges': ({ changes }, caller) => changes.next(caller, { after: null, secrets: [], wait: 0 }),
  'rekey:PlanRotation': ({ rotation }, caller) => rotation.plan(caller, 'a'),
  'rekey:RepairSecret': ({ corrections }, caller) => corrections.repair(caller, 'a'),
  'rekey:RollBackSecret': ({ corrections }, caller) => corrections.rollback(caller, 'a'),
  'rekey:UnstickSecret': ({ corrections }, caller) => corrections.unstick(caller, 'a'),
};

async function open() {
  const opened = await openService();
  await opened.service.secrets.create(ROOT, { name: 'a', value: { versionId: 'first'.padEnd(32, '-'), value: VALUE } });
  opened.audited.length = 0;
  return opened;
}

describe('every use case', () => {
  test('is in this table', async () => {
    const { service } = await open();
    // All of them go through `cases`, which holds none itself; those about users, roles and the like are tested beside them.
    const { secrets, values, rotation, corrections, usage, replicas, policies, simulation, passwords } = service;
    const { changes, status, upkeep, keys } = service;
    const about = [secrets, values, rotation, corrections, usage, replicas, policies, simulation, passwords];
    const classes = [...about, changes, status, upkeep, keys];
    const methods = [...classes, service.declarations, service.breach].flatMap((part) =>
      Object.getOwnPropertyNames(Object.getPrototypeOf(part)).filter((name) => name !== 'constructor'),
    );
    assert.equal(methods.length, Object.keys(USE_CASES).length);
  });

  for (const [action, ask] of Object.entries(USE_CASES)) {
    test(`${action} is refused to whom no statement allows it, changes nothing, and is on record`, async () => {
      const { service, audited, engine } = await open();
      const before = await engine.store.findSecret('a');
      await assert.rejects(ask(service, STRANGER), (error) => {
        return error instanceof RekeyError && error.reason === 'not-permitted';
      });
      assert.deepEqual(await engine.store.findSecret('a'), before);
      assert.equal(await engine.store.count('secret'), 1);
      const [entry, ...more] = audited;
      assert.deepEqual(more, []);
      const { outcome, principal, requestId } = entry!;
      assert.deepEqual([entry!.action, outcome], [action.split(' ')[0], 'denied']);
      assert.deepEqual([principal, requestId], [STRANGER.principal.arn, STRANGER.requestId]);
    });

    test(`${action} has no answer while the audit log cannot be written`, async () => {
      const { service, breakAudit } = await open();
      breakAudit();
      await assert.rejects(ask(service, ROOT), (error) => {
        return error instanceof RekeyError && error.reason === 'audit-unavailable';
      });
    });
  }
});

describe('an audit entry', () => {
  test('says who, what, where, which version and which statement', async () => {
    const { service, audited, clock, engine } = await open();
    const { version } = await service.values.get(ROOT, { secretId: 'a' });
    const { record } = (await engine.store.findSecret('a'))!;
    assert.deepEqual(audited, [
      {
        time: clock.now(),
        kind: 'request',
        action: 'secretsmanager:GetSecretValue',
        principal: ROOT.principal.arn,
        accessKeyId: ROOT.accessKeyId,
        address: ROOT.address,
        requestId: ROOT.requestId,
        resource: record.arn,
        versionId: version.id,
        outcome: 'allowed',
        detail: 'root may do everything',
      },
    ]);
  });

  test('of a failure names reason and sentence; of what nobody foresaw nothing but that', async () => {
    const { service, audited, engine } = await open();
    await assert.rejects(service.values.get(ROOT, { secretId: 'never' }));
    assert.deepEqual(
      [audited[0]!.outcome, audited[0]!.detail],
      ['failed', 'secret-not-found: There is no secret "never".'],
    );
    engine.store.getValue = () => Promise.reject(new Error('postgres://user:sesame@host'));
    await assert.rejects(service.values.get(ROOT, { secretId: 'a' }));
    assert.deepEqual([audited[1]!.outcome, audited[1]!.detail], ['failed', 'bug']);
  });
});

test('setting tags need their own permission, which is decided beside that of tagging', async () => {
  const { service, audited } = await open();
  await service.secrets.tag(ROOT, 'a', [{ key: 'rekey:overlap', value: '1h' }]);
  assert.equal(audited[0]!.outcome, 'allowed');
});
