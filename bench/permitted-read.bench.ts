import type { Caller } from '@rekey/core';
import type { Service } from '../packages/server/src/service/service.ts';
import { openService, ROOT, type TestService } from '../packages/server/src/service/testing.ts';
import { type Benchmark, type Figure, median, round } from './figure.ts';

const READS = 4_000;
const ROUNDS = 9;
/** The compiler still gains a tenth over the first fifteen, which would flatter whoever is measured second. */
const WARM_UP_ROUNDS = 20;
const OTHERS = 10_000;
const POLICIES = 10;
const STATEMENTS_EACH = 5;
const ARNS = 'arn:aws:secretsmanager:us-east-1:000000000000:secret:';

/**
 * What permission adds to the use case behind GetSecretValue, in one process: the same read by root, for whom nothing is
 * decided, and by a user with fifty statements in ten attached policies, of which the last one allows it.
 */
export const benchmark: Benchmark = {
  name: 'GetSecretValue by a user with 50 statements, beside root',
  async run() {
    const house = await openService();
    const ana = await openReader(house.service);
    const [byRoot, alone] = await measure(house, ana);
    await crowd(house.service);
    const [, crowded] = await measure(house, ana);
    return figures(byRoot, alone, crowded);
  },
};

function figures(byRoot: number, alone: number, crowded: number): Figure[] {
  const detail = `median of ${ROUNDS} rounds of ${READS} reads, CPU time of the process`;
  return [
    {
      name: 'permission on a read, 50 statements',
      value: round(alone - byRoot),
      unit: 'µs',
      limit: 12,
      must: 'stay below',
      detail: `${detail}; ${round(byRoot)} µs by root, ${round(alone)} µs by the user`,
    },
    {
      name: `the same read among ${OTHERS} users and policies`,
      value: round(crowded / alone),
      unit: '×',
      limit: 1.1,
      must: 'stay below',
      detail: `${round(alone)} µs alone, ${round(crowded)} µs among them`,
    },
  ];
}

/** A secret, and a user who may read it. */
async function openReader({ secrets, access }: Service): Promise<Caller> {
  const value = { versionId: 'v'.repeat(32), value: { kind: 'text', text: 'content' } } as const;
  await secrets.create(ROOT, { name: 'app/db', tags: [{ key: 'team', value: 'blue' }], value });
  const { record } = await access.users.create(ROOT, { name: 'ana', path: '/', tags: [] });
  for (let at = 0; at < POLICIES; at++) {
    const name = `Policy${at}`;
    const { arn } = await access.policies.create(ROOT, { name, path: '/', document: documentOf(at), tags: [] });
    await access.attachments.attach(ROOT, 'user', 'ana', arn);
  }
  const { id, arn } = record;
  const nobody = { accountId: '000000000000', role: null, tags: [], session: null };
  return { ...ROOT, principal: { ...nobody, kind: 'user', arn, id, name: 'ana' }, accessKeyId: 'AKIAANA2222222222222' };
}

/** Statements about others' secrets, each with a condition; the very last one allows the read. */
function documentOf(policy: number): string {
  const statements = Array.from({ length: STATEMENTS_EACH }, (_, at) => {
    const isLast = policy === POLICIES - 1 && at === STATEMENTS_EACH - 1;
    return {
      Effect: 'Allow',
      Action: 'secretsmanager:GetSecretValue',
      Resource: isLast ? `${ARNS}app/*` : `${ARNS}other-${policy}-${at}/*`,
      Condition: isLast
        ? { StringEquals: { 'aws:ResourceTag/team': 'blue' } }
        : { Bool: { 'aws:SecureTransport': 'true' } },
    };
  });
  return JSON.stringify({ Version: '2012-10-17', Statement: statements });
}

async function crowd({ access }: Service): Promise<void> {
  for (let at = 0; at < OTHERS; at++) {
    await access.users.create(ROOT, { name: `user-${at}`, path: '/', tags: [] });
    await access.policies.create(ROOT, { name: `Other${at}`, path: '/', document: documentOf(0), tags: [] });
  }
}

/** Microseconds of CPU a read, by root and by the user, in turns. */
async function measure(house: TestService, ana: Caller): Promise<readonly [number, number]> {
  const byRoot: number[] = [];
  const byUser: number[] = [];
  for (let at = -WARM_UP_ROUNDS; at < ROUNDS; at++) {
    const [root, user] = [await readBy(house, ROOT), await readBy(house, ana)];
    if (at < 0) continue;
    byRoot.push(root);
    byUser.push(user);
  }
  return [median(byRoot), median(byUser)];
}

async function readBy({ service, audited }: TestService, caller: Caller): Promise<number> {
  const begun = process.cpuUsage();
  for (let at = 0; at < READS; at++) await service.values.get(caller, { secretId: 'app/db' });
  const used = process.cpuUsage(begun);
  audited.length = 0;
  return (used.user + used.system) / READS;
}
