import type { UseCases } from '../use-case.ts';
import { Absent } from './absent.ts';
import { AccessCases, type AccessParts } from './access-cases.ts';
import { AccessKeys } from './access-keys.ts';
import type { AccessUses } from './access-uses.ts';
import { Attachments } from './attachments.ts';
import { Boundaries } from './boundaries.ts';
import type { AccessDirectory } from './directory.ts';
import { Groups } from './groups.ts';
import { InlinePolicies } from './inline-policies.ts';
import { ManagedPolicies } from './managed-policies.ts';
import { OidcProviders, type ProviderRules } from './oidc-providers.ts';
import { Roles } from './roles.ts';
import { Simulation } from './simulation.ts';
import { AccountSummary } from './summary.ts';
import { Tags } from './tags.ts';
import { Users } from './users.ts';

/** Who there is and what everybody may do: the use cases behind IAM. */
export interface Access {
  readonly users: Users;
  readonly keys: AccessKeys;
  readonly groups: Groups;
  readonly roles: Roles;
  readonly inline: InlinePolicies;
  readonly policies: ManagedPolicies;
  readonly attachments: Attachments;
  readonly boundaries: Boundaries;
  readonly tags: Tags;
  readonly providers: OidcProviders;
  readonly simulation: Simulation;
  readonly summary: AccountSummary;
  readonly absent: Absent;
}

/** What the use cases about access need besides what all of them do. */
export interface AccessOptions {
  readonly directory: AccessDirectory;
  readonly uses: Pick<AccessUses, 'find'>;
  readonly providers: ProviderRules;
}

export function createAccess(parts: AccessParts, useCases: UseCases, options: AccessOptions): Access {
  const cases = new AccessCases(parts, useCases);
  const providers = new OidcProviders(cases, options.providers);
  return {
    users: new Users(cases),
    keys: new AccessKeys(cases, options.uses),
    groups: new Groups(cases),
    roles: new Roles(cases, options.uses),
    inline: new InlinePolicies(cases),
    policies: new ManagedPolicies(cases),
    attachments: new Attachments(cases),
    boundaries: new Boundaries(cases),
    tags: new Tags(cases, providers),
    providers,
    simulation: new Simulation(cases, options.directory),
    summary: new AccountSummary(cases),
    absent: new Absent(cases),
  };
}
