import { type InlinePolicy, type Principal, type RoleRecord, rootPrincipal, type Tag } from '@rekey/core';
import type { Session, SessionHolder, SessionPolicy } from '../../auth/session/session.ts';
import { envelopeOf, openSession, sealSession } from '../../auth/session/session-token.ts';
import { type AccessKey, secretAccessKeyObject } from '../../auth/sigv4.ts';
import { Lru } from '../../store/lru.ts';
import { makeSecretAccessKey } from '../access/identifiers.ts';
import { issueTime } from './revocation.ts';
import { SessionKeys } from './session-keys.ts';
import type { SessionParts } from './session-parts.ts';
import { isTemporaryKeyId, makeTemporaryKeyId } from './temporary-key-id.ts';

/** A session to be opened. */
export type NewSession = Pick<
  Session,
  'holder' | 'sourceIdentity' | 'federatedProvider' | 'tags' | 'transitiveTagKeys' | 'policies'
> & {
  /** How long it shall last. */
  readonly seconds: number;
};

/** Temporary credentials, as they are handed out; told this once. */
export interface TemporaryCredentials {
  readonly accessKeyId: string;
  readonly secretAccessKey: string;
  readonly sessionToken: string;
  /** Milliseconds since the epoch. */
  readonly expiresAt: number;
}

/** A session as long as its token is remembered; opening one costs some 50 µs. */
interface OpenedSession {
  readonly session: Session;
  readonly secretAccessKey: AccessKey<Principal>['secretAccessKey'];
  /** Who it is, and the records it was worked out from: worked out again when one of them has changed. */
  known: { readonly principal: Principal; readonly from: readonly unknown[] } | null;
}

const REMEMBERED = { entries: 10_000, size: 16 << 20 };

/** What a lost managed policy stands for: nobody gains by deleting what narrows him. */
const NOTHING_ALLOWED = '{"Version":"2012-10-17","Statement":[{"Effect":"Deny","Action":"*","Resource":"*"}]}';

/** Opens sessions, and tells whose a session is, for as long as user or role are the same ones. */
export class Sessions {
  readonly #parts: SessionParts;
  readonly #keys: SessionKeys;
  readonly #opened = new Lru<OpenedSession>(REMEMBERED);

  constructor(parts: SessionParts) {
    this.#parts = parts;
    this.#keys = new SessionKeys(parts);
  }

  /** Whether an access key id is one that this server gave out with a session. */
  isTemporary(accessKeyId: string): boolean {
    return isTemporaryKeyId(accessKeyId, this.#parts.store);
  }

  /** @param role the role that is assumed; null for other sessions */
  async open(wish: NewSession, role: RoleRecord | null): Promise<TemporaryCredentials> {
    const { store, clock, random } = this.#parts;
    const { seconds, ...rest } = wish;
    const now = clock.now();
    const session: Session = {
      ...rest,
      accessKeyId: makeTemporaryKeyId(random, store),
      secretAccessKey: makeSecretAccessKey(random),
      issuedAt: issueTime(now, role),
      expiresAt: now + seconds * 1000,
    };
    const { accessKeyId, secretAccessKey, expiresAt } = session;
    const sessionToken = sealSession(session, await this.#keys.sealing());
    return { accessKeyId, secretAccessKey, expiresAt, sessionToken };
  }

  /**
   * The access key of a session.
   *
   * @returns null for a token that is none, or not of this key, and for sessions of who is gone
   */
  async find(accessKeyId: string, sessionToken: string): Promise<AccessKey<Principal> | null> {
    const opened = await this.#open(accessKeyId, sessionToken);
    if (opened === null) return null;
    const principal = await this.#principalOf(opened);
    if (principal === null) return null;
    const { secretAccessKey, session } = opened;
    return { secretAccessKey, principal, active: true, sessionToken, expiresAt: session.expiresAt };
  }

  async #open(accessKeyId: string, token: string): Promise<OpenedSession | null> {
    const known = this.#opened.get(token);
    if (known !== undefined) return known.session.accessKeyId === accessKeyId ? known : null;
    const envelope = envelopeOf(token);
    const seal = envelope === null ? null : await this.#keys.opening(envelope);
    const session = envelope === null || seal === null ? null : openSession(accessKeyId, envelope, seal);
    if (session === null) return null;
    const opened = { session, secretAccessKey: secretAccessKeyObject(session.secretAccessKey), known: null };
    this.#opened.set(token, opened, token.length);
    return opened;
  }

  async #principalOf(opened: OpenedSession): Promise<Principal | null> {
    const { session } = opened;
    const holder = await this.#holderOf(session.holder);
    if (holder === null) return null;
    const policies = await Promise.all(session.policies.map((policy) => this.#policy(policy)));
    const from = [holder, ...policies.map(({ document }) => document)];
    if (opened.known === null || !sameItems(opened.known.from, from)) {
      opened.known = { principal: principalOf(session, holder, policies, this.#parts.account), from };
    }
    return opened.known.principal;
  }

  /** The user or role as it now is; null if it is gone, or the access key that the session came of. */
  async #holderOf(holder: SessionHolder): Promise<Principal | RoleRecord | null> {
    const { account, directory, rootKeyId } = this.#parts;
    if (holder.kind === 'root') return holder.parentKeyId === rootKeyId ? rootPrincipal(account) : null;
    if (holder.kind === 'role') return directory.roleById(holder.roleId);
    const key = await directory.findKey(holder.parentKeyId);
    return key?.active && key.principal.id === holder.userId ? key.principal : null;
  }

  async #policy(policy: SessionPolicy): Promise<InlinePolicy> {
    if (policy.kind === 'inline') return policy.policy;
    const found = await this.#parts.store.get('policy', policy.policyId);
    const version = found?.record.versions.find(({ id }) => id === found.record.defaultVersion);
    return found === null || version === undefined
      ? { name: policy.policyId, document: NOTHING_ALLOWED }
      : { name: found.record.name, document: version.document };
  }
}

function principalOf(
  session: Session,
  holder: Principal | RoleRecord,
  policies: readonly InlinePolicy[],
  accountId: string,
): Principal {
  const { issuedAt, sourceIdentity, federatedProvider, transitiveTagKeys } = session;
  const opened = { issuedAt, sourceIdentity, federatedProvider, transitiveTagKeys, policies };
  if ('kind' in holder || session.holder.kind !== 'role') return { ...(holder as Principal), session: opened };
  const { arn, id, name } = holder;
  const { sessionName } = session.holder;
  return {
    kind: 'role-session',
    arn: assumedRoleArn(accountId, name, sessionName),
    accountId,
    id: `${id}:${sessionName}`,
    name: null,
    role: { arn, id },
    tags: mergeTags(holder.tags, session.tags),
    session: opened,
  };
}

export function assumedRoleArn(account: string, role: string, session: string): string {
  return `arn:aws:sts::${account}:assumed-role/${role}/${session}`;
}

/** Tags of the session take the place of the role's of the same key, whatever its case. */
function mergeTags(ofRole: readonly Tag[], ofSession: readonly Tag[]): readonly Tag[] {
  const replaced = new Set(ofSession.map(({ key }) => key.toLowerCase()));
  return [...ofRole.filter(({ key }) => !replaced.has(key.toLowerCase())), ...ofSession];
}

function sameItems(known: readonly unknown[], given: readonly unknown[]): boolean {
  return known.length === given.length && known.every((item, at) => item === given[at]);
}
