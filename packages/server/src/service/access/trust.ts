import { type PolicyDocument, readPolicy } from '../../auth/policy/document.ts';
import { statementsOpenToAnySubject } from '../../auth/policy/open-subject.ts';
import { checkTrustSize } from './documents.ts';
import { nameInArn } from './identifiers.ts';
import type { AccessRecords } from './records.ts';
import { malformedPolicy } from './refusals.ts';

/** A statement that means every subject of a provider says so in its Sid. */
const ANY_SUBJECT = /^allowAnySubject/i;
const UNIQUE_ID = /^(AIDA|AROA)[A-Z2-7]{17}$/;
const MAY_HOLD_ID = /(?:AIDA|AROA)[A-Z2-7]{17}/;

type PrincipalMap = (name: string) => Promise<string>;

/**
 * A trust policy as it is kept: users and roles of this account stand in it by unique id, so that trust in somebody
 * does not pass to whoever gets that name later. AWS does the same.
 *
 * @throws RekeyError reason `malformed-policy-document`, also where a principal does not exist or any subject of an
 * OIDC provider would be let in unless the statement's Sid begins with `allowAnySubject`
 */
export async function keptTrust(records: AccessRecords, account: string, document: string): Promise<string> {
  const policy = readPolicy(document, { kind: 'trust' });
  checkTrustSize(document);
  checkSubjects(policy);
  return mapPrincipals(document, (name) => idOf(records, account, name));
}

/** The kept policy as it is shown: with ARNs again, but for those who are gone. */
export async function shownTrust(records: AccessRecords, kept: string): Promise<string> {
  return MAY_HOLD_ID.test(kept) ? mapPrincipals(kept, (id) => arnOf(records, id)) : kept;
}

function checkSubjects(policy: PolicyDocument): void {
  const open = statementsOpenToAnySubject(policy).find(({ sid }) => !ANY_SUBJECT.test(sid ?? ''));
  if (open === undefined) return;
  throw malformedPolicy(
    `Statement ${open.sid ?? open.index + 1} lets in every subject of a token issuer; add a condition on its ":sub", or begin the Sid with "allowAnySubject" if every subject is meant.`,
  );
}

async function idOf(records: AccessRecords, account: string, name: string): Promise<string> {
  const found = await findPrincipal(records, account, name);
  if (found === null) throw malformedPolicy(`Invalid principal in policy: "AWS":"${name}"`);
  return found;
}

/** Null for who should be here and is not; principals of other kinds and accounts stand as they were written. */
async function findPrincipal(records: AccessRecords, account: string, name: string): Promise<string | null> {
  if (UNIQUE_ID.test(name)) return (await records.store.get(kindOfId(name), name)) === null ? null : name;
  for (const kind of ['user', 'role'] as const) {
    if (!name.startsWith(`arn:aws:iam::${account}:`) || nameInArn(kind, name) === null) continue;
    return (await records.findByArn(kind, name))?.id ?? null;
  }
  return name;
}

async function arnOf(records: AccessRecords, id: string): Promise<string> {
  if (!UNIQUE_ID.test(id)) return id;
  return (await records.store.get(kindOfId(id), id))?.record.arn ?? id;
}

function kindOfId(id: string): 'user' | 'role' {
  return id.startsWith('AIDA') ? 'user' : 'role';
}

interface Written {
  readonly Principal?: '*' | { AWS?: string | string[] };
}

/** The document with other names for its AWS principals; the very same text where none gets another. */
async function mapPrincipals(document: string, map: PrincipalMap): Promise<string> {
  const parsed = JSON.parse(document) as { Statement: Written | Written[] };
  let changed = false;
  for (const { Principal: principal } of [parsed.Statement].flat()) {
    if (principal === undefined || principal === '*' || principal.AWS === undefined) continue;
    const before = principal.AWS;
    const after = Array.isArray(before) ? await Promise.all(before.map(map)) : await map(before);
    changed ||= String(before) !== String(after);
    principal.AWS = after;
  }
  return changed ? JSON.stringify(parsed) : document;
}
