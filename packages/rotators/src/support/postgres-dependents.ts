import type { Session } from './postgres-connection.ts';
import { quoteIdentifier } from './postgres-names.ts';

/** Objects that belong to a role, or name it in a grant; of other databases no more than the number is known. */
export interface Dependents {
  /** Kind and name of what it owns here, as `table public.orders`. */
  readonly owned: readonly string[];
  /** Objects whose grants here name the role. */
  readonly granted: number;
  readonly elsewhere: readonly { readonly database: string; readonly owned: number; readonly granted: number }[];
}

interface DependentRow {
  readonly kind: 'a' | 'o';
  /** Null for this database and for what all databases share. */
  readonly database: string | null;
  readonly count: string;
}

/**
 * Temporary tables die with their session and default privileges have an owner that cannot change: neither counts as
 * owned. Memberships (16 and later) name their grantor here and are looked at elsewhere.
 */
const DEPENDENTS = `
  from pg_catalog.pg_shdepend s
  left join pg_catalog.pg_database d on d.oid = s.dbid
  left join pg_catalog.pg_class c on c.oid = s.objid and s.classid = 'pg_catalog.pg_class'::pg_catalog.regclass
                                 and d.datname = pg_catalog.current_database()
 where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and s.refobjid = $1::pg_catalog.oid
   and s.deptype in ('a', 'o') and s.classid <> 'pg_catalog.pg_auth_members'::pg_catalog.regclass
   and not (s.deptype = 'o' and s.classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass)
   and c.relpersistence is distinct from 't'`;

const COUNT_DEPENDENTS = `
select s.deptype as kind, nullif(d.datname, pg_catalog.current_database()) as database, pg_catalog.count(*)::text as count
${DEPENDENTS} group by 1, 2`;

const NAME_OWNED = `
select o.type || ' ' || o.identity as object
  from (select s.classid, s.objid, s.objsubid ${DEPENDENTS} and s.deptype = 'o'
           and (d.datname is null or d.datname = pg_catalog.current_database())) owned
 cross join lateral pg_catalog.pg_identify_object(owned.classid, owned.objid, owned.objsubid) o
 order by 1`;

export async function readDependents(session: Session, roleId: string): Promise<Dependents> {
  const rows = await session.query<DependentRow>(COUNT_DEPENDENTS, [roleId]);
  const count = (kind: 'a' | 'o', database: string | null) =>
    Number(rows.find((row) => row.kind === kind && row.database === database)?.count ?? 0);
  const databases = [...new Set(rows.map((row) => row.database).filter((database) => database !== null))];
  return {
    owned: count('o', null) === 0 ? [] : await nameOwned(session, roleId),
    granted: count('a', null),
    elsewhere: databases.map((database) => ({
      database,
      owned: count('o', database),
      granted: count('a', database),
    })),
  };
}

async function nameOwned(session: Session, roleId: string): Promise<readonly string[]> {
  const rows = await session.query<{ object: string }>(NAME_OWNED, [roleId]);
  return rows.map(({ object }) => object);
}

/** A privilege or membership that somebody gave to the alternate role by name and the original has not. */
export interface NamedGrant {
  readonly text: string;
  /** What gives the same to the original. */
  readonly statement: string;
}

interface GrantRow {
  readonly privilege: string;
  readonly grantable: boolean;
  /** `TABLE public.orders`. */
  readonly object: string;
  readonly column: string | null;
}

const ACL_SOURCES: readonly string[] = [
  "select case relkind when 'S' then 'SEQUENCE' else 'TABLE' end, 'pg_class'::regclass, oid, null::name, relacl from pg_class",
  `select 'TABLE', 'pg_class'::regclass, attrelid, attname, attacl from pg_attribute where attacl is not null
      and attrelid in (select objid from dependent)`,
  "select 'SCHEMA', 'pg_namespace'::regclass, oid, null, nspacl from pg_namespace",
  "select 'ROUTINE', 'pg_proc'::regclass, oid, null, proacl from pg_proc",
  "select 'TYPE', 'pg_type'::regclass, oid, null, typacl from pg_type",
  "select 'LANGUAGE', 'pg_language'::regclass, oid, null, lanacl from pg_language",
  "select 'DATABASE', 'pg_database'::regclass, oid, null, datacl from pg_database",
  "select 'TABLESPACE', 'pg_tablespace'::regclass, oid, null, spcacl from pg_tablespace",
  "select 'FOREIGN DATA WRAPPER', 'pg_foreign_data_wrapper'::regclass, oid, null, fdwacl from pg_foreign_data_wrapper",
  "select 'FOREIGN SERVER', 'pg_foreign_server'::regclass, oid, null, srvacl from pg_foreign_server",
  "select 'LARGE OBJECT', 'pg_largeobject'::regclass, oid, null, lomacl from pg_largeobject_metadata",
];
/** Grants on settings exist since 15. */
const PARAMETER_ACL = "select 'PARAMETER', 'pg_parameter_acl'::regclass, oid, null, paracl from pg_parameter_acl";

/** Needs the session's search_path to be pg_catalog. */
function readGrants(version: number): string {
  const sources = version >= 15 ? [...ACL_SOURCES, PARAMETER_ACL] : ACL_SOURCES;
  return `
with dependent as (
  select classid, objid from pg_shdepend
   where refclassid = 'pg_authid'::regclass and refobjid = $1::oid and deptype = 'a'
     and dbid in (0, (select oid from pg_database where datname = current_database()))),
named (kind, classid, objid, attribute, acl) as (${sources.join('\nunion all ')})
select g.privilege_type as privilege, g.is_grantable as grantable, named.attribute as column,
       named.kind || ' ' || case when named.kind = 'LARGE OBJECT' then objid::text
                                 else (pg_identify_object(classid, objid, 0)).identity end as object
  from named cross join lateral aclexplode(named.acl) g
 where (named.classid, named.objid) in (select classid, objid from dependent) and g.grantee = $1::oid
   and not exists (select from aclexplode(named.acl) o
                    where o.grantee = $2::oid and o.privilege_type = g.privilege_type
                      and (o.is_grantable or not g.is_grantable))`;
}

/** Grants on objects of this database, and on what all databases share, that the original role lacks. */
export async function readNamedGrants(
  session: Session,
  alternateId: string,
  original: { readonly id: string; readonly name: string },
): Promise<readonly NamedGrant[]> {
  const rows = await session.query<GrantRow>(readGrants(session.version), [alternateId, original.id]);
  return rows.map(({ privilege, grantable, object, column }) => {
    const what = column === null ? privilege : `${privilege} (${quoteIdentifier(column)})`;
    return {
      text: `${what} on ${object}`,
      statement: `GRANT ${what} ON ${object} TO ${quoteIdentifier(original.name)}${grantable ? ' WITH GRANT OPTION' : ''}`,
    };
  });
}

interface MembershipRow {
  readonly member: string;
  readonly role: string;
  readonly admin: boolean;
  /** Null before 16, when memberships had no options of their own. */
  readonly inherits: boolean | null;
  readonly may_switch: boolean | null;
}

const READ_MEMBERSHIPS = `
select m.member::pg_catalog.text as member, r.rolname as role, m.admin_option as admin,
       (pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean as inherits,
       (pg_catalog.to_jsonb(m) ->> 'set_option')::boolean as may_switch
  from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.roleid
 where m.member in ($1::pg_catalog.oid, $2::pg_catalog.oid)`;

/** How the alternate is a member of the original. */
export interface Membership {
  readonly inherits: boolean;
  readonly maySwitch: boolean;
}

export interface Memberships {
  readonly inOriginal: Membership;
  /** Memberships of the alternate in other roles that the original lacks. */
  readonly named: readonly NamedGrant[];
}

/** Memberships of both roles; before 16 every membership inherits and may be switched to. */
export async function readMemberships(
  session: Session,
  alternateId: string,
  original: { readonly id: string; readonly name: string },
): Promise<Memberships> {
  const rows = await session.query<MembershipRow>(READ_MEMBERSHIPS, [alternateId, original.id]);
  const ofAlternate = rows.filter(({ member }) => member === alternateId);
  const inOriginal = ofAlternate.filter(({ role }) => role === original.name);
  const shared = new Set(rows.filter(({ member }) => member === original.id).map(({ role }) => role));
  const lent = ofAlternate.filter(({ role }) => role !== original.name && !shared.has(role));
  return {
    inOriginal: {
      inherits: inOriginal.some(({ inherits }) => inherits ?? true),
      maySwitch: inOriginal.some(({ may_switch }) => may_switch ?? true),
    },
    named: lent.map((row) => ({
      text: `membership in ${row.role}`,
      statement: `GRANT ${quoteIdentifier(row.role)} TO ${quoteIdentifier(original.name)}${membershipOptions(row)}`,
    })),
  };
}

function membershipOptions({ admin, inherits, may_switch }: MembershipRow): string {
  if (inherits === null) return admin ? ' WITH ADMIN OPTION' : '';
  return ` WITH ADMIN ${word(admin)}, INHERIT ${word(inherits)}, SET ${word(may_switch ?? true)}`;
}

function word(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}
