import assert from 'node:assert/strict';
import { type Caller, RekeyError, type RoleRecord } from '@rekey/core';
import type { WebIdentity } from '../../auth/oidc/web-identity.ts';
import { openService, ROOT, type TestService } from '../testing.ts';
import type { AssumedRole, AssumeRoleWish, TemporaryCredentials, WebIdentityWish } from './sts.ts';

export const ACCOUNT = '000000000000';
export const PROVIDER = `arn:aws:iam::${ACCOUNT}:oidc-provider/issuer.example`;

/** The use cases about sessions, with short ways to make users, roles and callers. */
export interface TestSts extends TestService {
  user(name: string): Promise<Caller>;
  /** Whoever an access key of a user belongs to now. */
  byKey(accessKeyId: string): Promise<Caller>;
  role(name: string, trust: object | readonly object[], seconds?: number): Promise<RoleRecord>;
  /** Whoever holds temporary credentials; null if they are of no use any more. */
  holder(credentials: TemporaryCredentials): Promise<Caller | null>;
  assume(caller: Caller, role: RoleRecord | string, wish?: Partial<AssumeRoleWish>): Promise<AssumedRole>;
  /** Somebody who assumed a role. */
  session(caller: Caller, role: RoleRecord, wish?: Partial<AssumeRoleWish>): Promise<Caller>;
  bear(role: RoleRecord | string, wish?: Partial<WebIdentityWish>): Promise<AssumedRole & { identity: WebIdentity }>;
  /** What the next tokens speak of. */
  identity: WebIdentity;
}

export async function openSts(): Promise<TestSts> {
  const opened = await openService({ verifyWebIdentity: async () => sts.identity });
  const { service, directory, sessions } = opened;
  const byKey = async (accessKeyId: string): Promise<Caller> => {
    const key = await directory.findKey(accessKeyId);
    assert.ok(key?.active, accessKeyId);
    return { ...ROOT, principal: key.principal, accessKeyId };
  };
  const holder = async ({ accessKeyId, sessionToken }: TemporaryCredentials): Promise<Caller | null> => {
    const key = await sessions.find(accessKeyId, sessionToken);
    return key === null ? null : { ...ROOT, principal: key.principal, accessKeyId };
  };
  const sts: TestSts = {
    ...opened,
    byKey,
    holder,
    identity: identityOf('repo:shop/api'),
    user: async (name) => {
      await service.access.users.create(ROOT, { name, path: '/', tags: [] });
      return byKey((await service.access.keys.create(ROOT, name)).key.id);
    },
    role: async (name, trust, seconds = 3600) => {
      const { record } = await service.access.roles.create(ROOT, {
        name,
        path: '/',
        trust: JSON.stringify({ Version: '2012-10-17', Statement: trust }),
        maxSessionDuration: seconds,
        tags: [],
      });
      return record;
    },
    assume: (caller, role, wish) => service.sts.assumeRole(caller, { ...WISH, roleArn: arnOf(role), ...wish }),
    session: async (caller, role, wish) => {
      const { credentials } = await sts.assume(caller, role, wish);
      const found = await holder(credentials);
      assert.ok(found);
      return found;
    },
    bear: (role, wish) => {
      const { principal: _, accessKeyId: __, ...visitor } = ROOT;
      const { sessionName, seconds, policy, policyArns } = WISH;
      const plain = { sessionName, seconds, policy, policyArns, token: 'a token', providerId: null };
      return service.sts.assumeRoleWithWebIdentity(visitor, { ...plain, roleArn: arnOf(role), ...wish });
    },
  };
  return sts;
}

/** An identity as a verified token gives it. */
export function identityOf(subject: string, claims: Readonly<Record<string, unknown>> = {}): WebIdentity {
  return {
    provider: { arn: PROVIDER, issuer: 'https://issuer.example', clientIds: ['sts.amazonaws.com'] },
    subject,
    audience: 'sts.amazonaws.com',
    keys: { 'issuer.example:sub': subject, 'issuer.example:aud': 'sts.amazonaws.com' },
    claims,
  };
}

const WISH: AssumeRoleWish = {
  roleArn: '',
  sessionName: 'session',
  seconds: null,
  externalId: null,
  sourceIdentity: null,
  secondFactor: false,
  contexts: false,
  tags: [],
  transitiveTagKeys: [],
  policy: null,
  policyArns: [],
};

function arnOf(role: RoleRecord | string): string {
  return typeof role === 'string' ? role : role.arn;
}

/** Statement by which a role trusts somebody. */
export function trusting(principal: object | string, more: object = {}): object {
  return { Effect: 'Allow', Principal: principal, Action: 'sts:AssumeRole', ...more };
}

/** What something is refused with: reason and what the caller is told. */
export async function refusal(refused: Promise<unknown>): Promise<string> {
  try {
    await refused;
  } catch (error) {
    assert.ok(error instanceof RekeyError, String(error));
    return `${error.reason}: ${error.facts.sentence ?? error.message}`;
  }
  return 'allowed';
}
