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
  readonly object: string | null;
  readonly count: string;
}

/**
 * Temporary tables die with their session and default privileges have an owner that cannot change: neither counts as
 * owned. Memberships (16 and later) name their grantor here and are looked at elsewhere.
 */
const READ_DEPENDENTS = `
with dependent as (
  select s.deptype as kind, s.classid, s.objid, s.objsubid,
         case when s.dbid in (0, here.oid) then null else d.datname end as database
    from pg_catalog.pg_shdepend s
   cross join (select oid from pg_catalog.pg_database where datname = pg_catalog.current_database()) here
    left join pg_catalog.pg_database d on d.oid = s.dbid
   where s.refclassid = 'pg_catalog.pg_authid'::pg_catalog.regclass and s.refobjid = $1::pg_catalog.oid
     and s.deptype in ('a', 'o') and s.classid <> 'pg_catalog.pg_auth_members'::pg_catalog.regclass
     and not (s.deptype = 'o' and s.classid = 'pg_catalog.pg_default_acl'::pg_catalog.regclass))
select kind, database, null as object, pg_catalog.count(*)::text as count
  from dependent where kind = 'a' or database is not null group by kind, database
union all
select kind, null, i.type || ' ' || i.identity, '1'
  from dependent cross join lateral pg_catalog.pg_identify_object(classid, objid, objsubid) i
 where kind = 'o' and database is null
   and not (classid = 'pg_catalog.pg_class'::pg_catalog.regclass
            and objid in (select oid from pg_catalog.pg_class where relpersistence = 't'))`;

export async function readDependents(session: Session, roleId: string): Promise<Dependents> {
  const rows = await session.query<DependentRow>(READ_DEPENDENTS, [roleId]);
  const sum = (kind: 'a' | 'o', database: string | null) =>
    rows
      .filter((row) => row.kind === kind && row.database === database)
      .reduce((all, row) => all + Number(row.count), 0);
  const databases = [...new Set(rows.map((row) => row.database).filter((database) => database !== null))];
  return {
    owned: rows.flatMap((row) => (row.object === null ? [] : [row.object])),
    granted: sum('a', null),
    elsewhere: databases.map((database) => ({ database, owned: sum('o', database), granted: sum('a', database) })),
  };
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
  const sources = version >= 150_000 ? [...ACL_SOURCES, PARAMETER_ACL] : ACL_SOURCES;
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
  version: number,
  alternateId: string,
  original: { readonly id: string; readonly name: string },
): Promise<readonly NamedGrant[]> {
  const rows = await session.query<GrantRow>(readGrants(version), [alternateId, original.id]);
  return rows.map(({ privilege, grantable, object, column }) => {
    const what = column === null ? privilege : `${privilege} (${quoteIdentifier(column)})`;
    return {
      text: `${what} on ${object}`,
      statement: `GRANT ${what} ON ${object} TO ${quoteIdentifier(original.name)}${grantable ? ' WITH GRANT OPTION' : ''}`,
    };
  });
}

interface MembershipRow {
  readonly role: string;
  readonly admin: boolean;
  readonly inherits: boolean | null;
  readonly may_switch: boolean | null;
}

const READ_NAMED_MEMBERSHIPS = `
select r.rolname as role, m.admin_option as admin,
       (pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean as inherits,
       (pg_catalog.to_jsonb(m) ->> 'set_option')::boolean as may_switch
  from pg_catalog.pg_auth_members m join pg_catalog.pg_roles r on r.oid = m.roleid
 where m.member = $1::pg_catalog.oid and m.roleid <> $2::pg_catalog.oid
   and not exists (select from pg_catalog.pg_auth_members o where o.member = $2::pg_catalog.oid and o.roleid = m.roleid)`;

/** Memberships of the alternate, other than in the original, that the original lacks. */
export async function readNamedMemberships(
  session: Session,
  alternateId: string,
  original: { readonly id: string; readonly name: string },
): Promise<readonly NamedGrant[]> {
  const rows = await session.query<MembershipRow>(READ_NAMED_MEMBERSHIPS, [alternateId, original.id]);
  return rows.map((row) => ({
    text: `membership in ${row.role}`,
    statement: `GRANT ${quoteIdentifier(row.role)} TO ${quoteIdentifier(original.name)}${membershipOptions(row)}`,
  }));
}

function membershipOptions({ admin, inherits, may_switch }: MembershipRow): string {
  if (inherits === null) return admin ? ' WITH ADMIN OPTION' : '';
  return ` WITH ADMIN ${word(admin)}, INHERIT ${word(inherits)}, SET ${word(may_switch ?? true)}`;
}

function word(value: boolean): string {
  return value ? 'TRUE' : 'FALSE';
}

const READ_MEMBERSHIP = `
select coalesce(pg_catalog.bool_or(coalesce((pg_catalog.to_jsonb(m) ->> 'inherit_option')::boolean, true)), false) as inherits,
       coalesce(pg_catalog.bool_or(coalesce((pg_catalog.to_jsonb(m) ->> 'set_option')::boolean, true)), false) as "maySwitch"
  from pg_catalog.pg_auth_members m where m.member = $1::pg_catalog.oid and m.roleid = $2::pg_catalog.oid`;

/** How the alternate is a member of the original; before 16 every membership inherits and may be switched to. */
export async function readMembership(session: Session, alternateId: string, originalId: string) {
  const [row] = await session.query<{ inherits: boolean; maySwitch: boolean }>(READ_MEMBERSHIP, [
    alternateId,
    originalId,
  ]);
  return row ?? { inherits: false, maySwitch: false };
}
