import { quoteIdentifier, quoteLiteral } from './postgres-names.ts';
import type { RoleSetting } from './postgres-roles.ts';

/** Settings whose value is a list of quoted names: the server's GUC_LIST_QUOTE, as pg_dump knows them. */
const QUOTED_LISTS = new Set([
  'local_preload_libraries',
  'search_path',
  'session_preload_libraries',
  'shared_preload_libraries',
  'temp_tablespaces',
  'unix_socket_directories',
]);

/** `ALTER ROLE … SET`, so that the server keeps the very value it kept for the other role. */
export function setStatement(role: string, { database, name, value }: RoleSetting): string {
  return `${alterRole(role, database)} SET ${quoteSettingName(name)} TO ${quoteSettingValue(name, value)}`;
}

export function resetStatement(role: string, { database, name }: RoleSetting): string {
  return `${alterRole(role, database)} RESET ${quoteSettingName(name)}`;
}

/** The settings the alternate role must have: those of the original, and to act as the original from login on. */
export function settingsForAlternate(original: string, settings: readonly RoleSetting[]): readonly RoleSetting[] {
  const actsAs = (setting: RoleSetting) =>
    setting.name === 'role' && setting.value === 'none' ? { ...setting, value: original } : setting;
  const copied = settings.map(actsAs);
  const hasRole = copied.some(({ name, database }) => name === 'role' && database === null);
  return hasRole ? copied : [{ database: null, name: 'role', value: original }, ...copied];
}

/** The role a session of the alternate acts as in the database: settings of a database win over those for all. */
export function actingRole(original: string, settings: readonly RoleSetting[], database: string): string {
  const roles = settingsForAlternate(original, settings).filter(({ name }) => name === 'role');
  return (roles.find((setting) => setting.database === database) ?? roles.find((setting) => setting.database === null))!
    .value;
}

/** What must be set and what reset to make one list of settings the other. */
export function settingChanges(
  wanted: readonly RoleSetting[],
  held: readonly RoleSetting[],
): { readonly set: readonly RoleSetting[]; readonly reset: readonly RoleSetting[] } {
  const same = (a: RoleSetting) => (b: RoleSetting) => a.database === b.database && a.name === b.name;
  return {
    set: wanted.filter((setting) => held.find(same(setting))?.value !== setting.value),
    reset: held.filter((setting) => !wanted.some(same(setting))),
  };
}

function alterRole(role: string, database: string | null): string {
  const place = database === null ? '' : ` IN DATABASE ${quoteIdentifier(database)}`;
  return `ALTER ROLE ${quoteIdentifier(role)}${place}`;
}

function quoteSettingName(name: string): string {
  return name.split('.').map(quoteIdentifier).join('.');
}

function quoteSettingValue(name: string, value: string): string {
  if (!QUOTED_LISTS.has(name.toLowerCase())) return quoteLiteral(value);
  return splitQuotedList(value).map(quoteLiteral).join(', ') || "''";
}

/** Splits `"$user", public` into its names; the rules of the server's SplitGUCList. */
export function splitQuotedList(value: string): readonly string[] {
  const items = value.match(/"(?:[^"]|"")*"|[^\s,][^,]*/g) ?? [];
  return items.map((item) => (item.startsWith('"') ? item.slice(1, -1).replaceAll('""', '"') : item.trim()));
}
