import type { Session } from './postgres-connection.ts';
import { type Mark, markIn } from './postgres-mark.ts';

/** One line of pg_db_role_setting; `database` null for all databases. */
export interface RoleSetting {
  readonly database: string | null;
  readonly name: string;
  /** As the server keeps it: lists flattened, quoted where needed. */
  readonly value: string;
}

/** A role as the catalogues show it to everybody. */
export interface RoleFacts {
  readonly id: string;
  readonly name: string;
  readonly superuser: boolean;
  readonly inherits: boolean;
  readonly createRole: boolean;
  readonly createDatabase: boolean;
  readonly canLogIn: boolean;
  readonly replication: boolean;
  readonly bypassesRowSecurity: boolean;
  readonly connectionLimit: number;
  /** As text the server reads back; null for never. */
  readonly validUntil: string | null;
  readonly expired: boolean;
  readonly comment: string | null;
  readonly mark: Mark | null;
  readonly settings: readonly RoleSetting[];
}

interface RoleRow {
  readonly id: string;
  readonly name: string;
  readonly superuser: boolean;
  readonly inherits: boolean;
  readonly create_role: boolean;
  readonly create_database: boolean;
  readonly can_log_in: boolean;
  readonly replication: boolean;
  readonly bypasses_row_security: boolean;
  readonly connection_limit: number;
  readonly valid_until: string | null;
  readonly expired: boolean;
  readonly comment: string | null;
  readonly settings: readonly { readonly database: string | null; readonly lines: readonly string[] }[] | null;
}

const READ_ROLES = `
select r.oid::text as id, r.rolname as name, r.rolsuper as superuser, r.rolinherit as inherits,
       r.rolcreaterole as create_role, r.rolcreatedb as create_database, r.rolcanlogin as can_log_in,
       r.rolreplication as replication, r.rolbypassrls as bypasses_row_security, r.rolconnlimit as connection_limit,
       r.rolvaliduntil::text as valid_until, coalesce(r.rolvaliduntil <= pg_catalog.now(), false) as expired,
       pg_catalog.shobj_description(r.oid, 'pg_authid') as comment,
       (select pg_catalog.json_agg(pg_catalog.json_build_object('database', d.datname, 'lines', s.setconfig))
          from pg_catalog.pg_db_role_setting s left join pg_catalog.pg_database d on d.oid = s.setdatabase
         where s.setrole = r.oid) as settings
  from pg_catalog.pg_roles r
 where r.rolname = any ($1)`;

/** The roles of these names that exist, by name. */
export async function readRoles(session: Session, names: readonly string[]): Promise<ReadonlyMap<string, RoleFacts>> {
  const rows = await session.query<RoleRow>(READ_ROLES, [names]);
  return new Map(rows.map((row) => [row.name, factsOf(row)]));
}

function factsOf(row: RoleRow): RoleFacts {
  return {
    id: row.id,
    name: row.name,
    superuser: row.superuser,
    inherits: row.inherits,
    createRole: row.create_role,
    createDatabase: row.create_database,
    canLogIn: row.can_log_in,
    replication: row.replication,
    bypassesRowSecurity: row.bypasses_row_security,
    connectionLimit: row.connection_limit,
    validUntil: row.valid_until,
    expired: row.expired,
    comment: row.comment,
    mark: markIn(row.comment),
    settings: (row.settings ?? []).flatMap(({ database, lines }) => lines.map((line) => settingOf(database, line))),
  };
}

function settingOf(database: string | null, line: string): RoleSetting {
  const equals = line.indexOf('=');
  return { database, name: line.slice(0, equals), value: line.slice(equals + 1) };
}

/** Facts of the server and of who asks. */
export interface AskerFacts {
  /** `server_version_num`: 150018, 180004. */
  readonly version: number;
  /** The role the session acts as. */
  readonly name: string;
  readonly superuser: boolean;
  readonly createRole: boolean;
  /** Iterations the server itself would use for a SCRAM verifier. */
  readonly iterations: number;
}

export async function readAsker(session: Session): Promise<AskerFacts> {
  const [row] = await session.query<{
    version: string;
    name: string;
    superuser: boolean;
    create_role: boolean;
    iterations: string | null;
  }>(`select pg_catalog.current_setting('server_version_num') as version, r.rolname as name, r.rolsuper as superuser,
             r.rolcreaterole as create_role, pg_catalog.current_setting('scram_iterations', true) as iterations
        from pg_catalog.pg_roles r where r.rolname = current_user`);
  if (row === undefined) throw new Error('the session acts as a role that pg_roles does not show');
  return {
    version: Number(row.version),
    name: row.name,
    superuser: row.superuser,
    createRole: row.create_role,
    iterations: Number(row.iterations ?? 4096),
  };
}
