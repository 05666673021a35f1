import type { Session } from './postgres-connection.ts';
import { type Mark, markIn } from './postgres-mark.ts';
import { DEFAULT_ITERATIONS } from './postgres-verifier.ts';

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

/** Facts of the server and of who asks. */
export interface AskerFacts {
  /** The role the session acts as. */
  readonly name: string;
  readonly superuser: boolean;
  readonly createRole: boolean;
  /** Major version of the server. */
  readonly version: number;
  /** Iterations the server itself would use for a SCRAM verifier; it lets itself be asked since 16. */
  readonly iterations: number;
}

export interface RolesSeen {
  /** Those that exist of the names asked for. */
  readonly roles: ReadonlyMap<string, RoleFacts>;
  readonly asker: AskerFacts;
}

/** One row per role and database it has settings for. */
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
  readonly database: string | null;
  readonly settings: readonly string[] | null;
  readonly asks: boolean;
  readonly iterations: string | null;
}

/** One plain join: the first query of a fresh session meets empty caches, where every function more costs it dear. */
const READ_ROLES = `
select r.oid::text as id, r.rolname as name, r.rolsuper as superuser, r.rolinherit as inherits,
       r.rolcreaterole as create_role, r.rolcreatedb as create_database, r.rolcanlogin as can_log_in,
       r.rolreplication as replication, r.rolbypassrls as bypasses_row_security, r.rolconnlimit as connection_limit,
       r.rolvaliduntil::text as valid_until, coalesce(r.rolvaliduntil <= pg_catalog.now(), false) as expired,
       c.description as comment, d.datname as database, s.setconfig as settings, r.rolname = current_user as asks,
       pg_catalog.current_setting('scram_iterations', true) as iterations
  from pg_catalog.pg_roles r
  left join pg_catalog.pg_shdescription c
         on c.objoid = r.oid and c.classoid = 'pg_catalog.pg_authid'::pg_catalog.regclass
  left join pg_catalog.pg_db_role_setting s on s.setrole = r.oid
  left join pg_catalog.pg_database d on d.oid = s.setdatabase
 where r.rolname = any ($1) or r.rolname = current_user`;

/** The roles of these names, and the one that asks. */
export async function readRoles(session: Session, names: readonly string[]): Promise<RolesSeen> {
  const rows = await session.query<RoleRow>(READ_ROLES, [names]);
  const asker = rows.find(({ asks }) => asks);
  if (asker === undefined) throw new Error('the session acts as a role that pg_roles does not show');
  const found = names.filter((name) => rows.some((row) => row.name === name));
  return {
    roles: new Map(found.map((name) => [name, factsOf(rows.filter((row) => row.name === name))])),
    asker: {
      name: asker.name,
      superuser: asker.superuser,
      createRole: asker.create_role,
      version: session.version,
      iterations: Number(asker.iterations ?? DEFAULT_ITERATIONS),
    },
  };
}

function factsOf(rows: readonly RoleRow[]): RoleFacts {
  const row = rows[0]!;
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
    settings: rows.flatMap(({ database, settings }) => (settings ?? []).map((line) => settingOf(database, line))),
  };
}

function settingOf(database: string | null, line: string): RoleSetting {
  const equals = line.indexOf('=');
  return { database, name: line.slice(0, equals), value: line.slice(equals + 1) };
}
