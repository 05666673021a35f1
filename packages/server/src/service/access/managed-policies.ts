import type { Caller, ManagedPolicyRecord, PolicyVersionRecord, Tag } from '@rekey/core';
import type { AccessCases } from './access-cases.ts';
import { checkManagedPolicy } from './documents.ts';
import { MOST_VERSIONS } from './limits.ts';
import type { Page, PageRequest } from './pages.ts';
import { versionOf } from './policy-versions.ts';
import { deleteConflict, overLimit } from './refusals.ts';
import { needsToCreateTagged, withTags } from './tag-lists.ts';
import type { PathQuery } from './users.ts';

export interface NewPolicy {
  readonly name: string;
  readonly path: string;
  readonly document: string;
  readonly description?: string | undefined;
  readonly tags: readonly Tag[];
}

export interface PolicyQuery extends PathQuery {
  readonly onlyAttached: boolean;
  readonly usage?: 'attachment' | 'boundary' | undefined;
  /** Only policies that AWS itself offers, of which there are none here. */
  readonly onlyOffered: boolean;
}

/** Use cases about policies that stand by themselves, in up to five versions of which one counts. */
export class ManagedPolicies {
  readonly #cases: AccessCases;

  constructor(cases: AccessCases) {
    this.#cases = cases;
  }

  create(caller: Caller, { name, path, document, description, tags }: NewPolicy): Promise<ManagedPolicyRecord> {
    const ask = { caller, action: 'iam:CreatePolicy', name, path, ...needsToCreateTagged('iam:TagPolicy', tags) };
    return this.#cases.create('policy', ask, async (base) => {
      checkManagedPolicy(document);
      const record: ManagedPolicyRecord = {
        ...base,
        name,
        path,
        description: description || null,
        changedAt: base.createdAt,
        tags: withTags('Policy', [], tags),
        versions: [{ id: 'v1', document, createdAt: base.createdAt }],
        defaultVersion: 'v1',
        nextVersion: 2,
        attachments: 0,
        boundaries: 0,
      };
      return { record };
    });
  }

  get(caller: Caller, arn: string): Promise<ManagedPolicyRecord> {
    return this.#cases.on('policy', { caller, action: 'iam:GetPolicy', name: arn }, ({ record }) => record);
  }

  list(caller: Caller, query: PolicyQuery): Promise<Page<ManagedPolicyRecord>> {
    const action = 'iam:ListPolicies';
    const { pathPrefix, onlyAttached, usage, onlyOffered, ...page } = query;
    const isUsed = ({ attachments, boundaries }: ManagedPolicyRecord) =>
      (usage !== 'boundary' && attachments > 0) || (usage !== 'attachment' && boundaries > 0);
    const isListed = (policy: ManagedPolicyRecord) =>
      !onlyOffered && policy.path.startsWith(pathPrefix) && ((!onlyAttached && usage === undefined) || isUsed(policy));
    const question = JSON.stringify([action, pathPrefix, onlyAttached, usage, onlyOffered]);
    return this.#cases.onArn({ caller, action }, () =>
      this.#cases.pages.ofCollection('policy', question, page, isListed),
    );
  }

  /** @throws RekeyError reason `delete-conflict` while somebody has it, or while it has other versions */
  delete(caller: Caller, arn: string): Promise<void> {
    const ask = { caller, action: 'iam:DeletePolicy', name: arn };
    return this.#cases.changeBoth('policy', ask, null, async (found) => {
      const { attachments, boundaries, versions } = found.record;
      if (attachments + boundaries > 0) throw deleteConflict('Cannot delete a policy attached to entities.');
      if (versions.length > 1) throw hasVersions();
      return { writes: this.#cases.records.remove('policy', found), answer: undefined };
    });
  }

  createVersion(
    caller: Caller,
    arn: string,
    wish: { readonly document: string; readonly isDefault: boolean },
  ): Promise<{ readonly version: PolicyVersionRecord; readonly isDefault: boolean }> {
    return this.#cases.change('policy', { caller, action: 'iam:CreatePolicyVersion', name: arn }, ({ record }) => {
      checkManagedPolicy(wish.document);
      if (record.versions.length >= MOST_VERSIONS) throw tooManyVersions();
      const now = this.#cases.now();
      const version = { id: `v${record.nextVersion}`, document: wish.document, createdAt: now };
      const changed = {
        ...record,
        versions: [...record.versions, version],
        nextVersion: record.nextVersion + 1,
        ...(wish.isDefault ? { defaultVersion: version.id, changedAt: now } : {}),
      };
      return { record: changed, answer: { version, isDefault: wish.isDefault } };
    });
  }

  getVersion(
    caller: Caller,
    arn: string,
    versionId: string,
  ): Promise<{ readonly version: PolicyVersionRecord; readonly isDefault: boolean }> {
    return this.#cases.on('policy', { caller, action: 'iam:GetPolicyVersion', name: arn }, ({ record }) => {
      const version = versionOf(record, versionId);
      return { version, isDefault: version.id === record.defaultVersion };
    });
  }

  /** Versions, and the id of the one that counts. */
  listVersions(
    caller: Caller,
    arn: string,
    page: PageRequest,
  ): Promise<Page<PolicyVersionRecord> & { readonly defaultVersion: string }> {
    const action = 'iam:ListPolicyVersions';
    return this.#cases.on('policy', { caller, action, name: arn }, ({ id, record }) => {
      const { versions, defaultVersion } = record;
      return { defaultVersion, ...this.#cases.pages.ofItems(`${action} ${id}`, versions, page, newestFirst) };
    });
  }

  setDefault(caller: Caller, arn: string, versionId: string): Promise<void> {
    const ask = { caller, action: 'iam:SetDefaultPolicyVersion', name: arn };
    return this.#cases.change('policy', ask, ({ record }) => {
      const { id: defaultVersion } = versionOf(record, versionId);
      return { record: { ...record, defaultVersion, changedAt: this.#cases.now() }, answer: undefined };
    });
  }

  deleteVersion(caller: Caller, arn: string, versionId: string): Promise<void> {
    const ask = { caller, action: 'iam:DeletePolicyVersion', name: arn };
    return this.#cases.change('policy', ask, ({ record }) => {
      const { id } = versionOf(record, versionId);
      if (id === record.defaultVersion) throw deleteConflict('Cannot delete the default version of a policy.');
      const versions = record.versions.filter((version) => version.id !== id);
      return { record: { ...record, versions, changedAt: this.#cases.now() }, answer: undefined };
    });
  }
}

/** Sorts versions by number, falling: `v10` before `v9`. */
function newestFirst({ id }: PolicyVersionRecord): string {
  return String(1_000_000_000 - Number(id.slice(1)));
}

function hasVersions() {
  return deleteConflict(
    "This policy has more than one version. Before you delete a policy, you must delete the policy's versions. The default version is deleted with the policy.",
  );
}

function tooManyVersions() {
  return overLimit(
    'A managed policy can have up to 5 versions. Before you create a new version, you must delete an existing version.',
  );
}
