import type { Membership } from './postgres-dependents.ts';
import { quoteIdentifier, quoteLiteral } from './postgres-names.ts';
import type { RoleFacts, RoleSetting } from './postgres-roles.ts';
import { resetStatement, setStatement, settingChanges, settingsForAlternate } from './postgres-settings.ts';

/** Since 16 a membership says for itself whether it inherits and whether it may be switched to. */
export const MEMBERSHIP_OPTIONS_SINCE = 16;

/** One statement that makes the alternate role more like the original, and what to say of it. */
export interface UpkeepStep {
  readonly statement: string;
  /** The difference in words. */
  readonly difference: string;
  /** Without it the alternate does not stand in for the original at all: its failure fails the step. */
  readonly essential: boolean;
}

export interface UpkeepFacts {
  readonly version: number;
  readonly original: RoleFacts;
  readonly alternate: RoleFacts;
  readonly membership: Membership;
}

export function createStatement(alternate: string): string {
  return `CREATE ROLE ${quoteIdentifier(alternate)} LOGIN INHERIT`;
}

/** The alternate as {@link createStatement} leaves it: all defaults. */
export function freshAlternate(name: string): RoleFacts {
  return {
    id: '0',
    name,
    superuser: false,
    inherits: true,
    createRole: false,
    createDatabase: false,
    canLogIn: true,
    replication: false,
    bypassesRowSecurity: false,
    connectionLimit: -1,
    validUntil: null,
    expired: false,
    comment: null,
    mark: null,
    settings: [],
  };
}

/** Everything that keeps the alternate from standing in for the original, as statements; empty when nothing does. Pure. */
export function upkeep(facts: UpkeepFacts): readonly UpkeepStep[] {
  return [...membershipSteps(facts), ...attributeSteps(facts), ...settingSteps(facts)];
}

function membershipSteps({ version, original, alternate, membership }: UpkeepFacts): readonly UpkeepStep[] {
  const steps: UpkeepStep[] = [];
  if (!membership.inherits || !membership.maySwitch) {
    const options = version >= MEMBERSHIP_OPTIONS_SINCE ? ' WITH INHERIT TRUE, SET TRUE' : '';
    steps.push({
      statement: `GRANT ${quoteIdentifier(original.name)} TO ${quoteIdentifier(alternate.name)}${options}`,
      difference: `${alternate.name} is no full member of ${original.name}`,
      essential: true,
    });
  }
  if (!alternate.inherits)
    steps.push({ ...attribute(alternate, 'INHERIT', `${alternate.name} does not inherit`), essential: true });
  if (!alternate.canLogIn)
    steps.push({ ...attribute(alternate, 'LOGIN', `${alternate.name} may not log in`), essential: true });
  return steps;
}

function attributeSteps({ original, alternate }: UpkeepFacts): readonly UpkeepStep[] {
  const flags = [
    ['superuser', 'SUPERUSER'],
    ['createRole', 'CREATEROLE'],
    ['createDatabase', 'CREATEDB'],
    ['replication', 'REPLICATION'],
    ['bypassesRowSecurity', 'BYPASSRLS'],
  ] as const;
  const steps = flags
    .filter(([fact]) => original[fact] !== alternate[fact])
    .map(([fact, word]) => {
      const wanted = original[fact] ? word : `NO${word}`;
      return attribute(alternate, wanted, `${original.name} has ${wanted}, ${alternate.name} has not`);
    });
  if (original.connectionLimit !== alternate.connectionLimit)
    steps.push(attribute(alternate, `CONNECTION LIMIT ${original.connectionLimit}`, 'The connection limits differ'));
  if (original.validUntil !== alternate.validUntil)
    steps.push(
      attribute(alternate, `VALID UNTIL ${quoteLiteral(original.validUntil ?? 'infinity')}`, 'VALID UNTIL differs'),
    );
  return steps.filter(({ statement }) => !endlessBoth(statement, alternate));
}

/** No date and `infinity` mean the same, and a date once set cannot be taken back to none. */
function endlessBoth(statement: string, alternate: RoleFacts): boolean {
  const endless = alternate.validUntil === null || alternate.validUntil === 'infinity';
  return endless && statement.endsWith("VALID UNTIL 'infinity'");
}

function settingSteps({ original, alternate }: UpkeepFacts): readonly UpkeepStep[] {
  const wanted = settingsForAlternate(original.name, original.settings);
  const { set, reset } = settingChanges(wanted, alternate.settings);
  return [
    ...set.map((setting) => ({
      statement: setStatement(alternate.name, setting),
      difference: `${alternate.name} has not the setting ${named(setting)} of ${original.name}`,
      essential: setting.name === 'role',
    })),
    ...reset.map((setting) => ({
      statement: resetStatement(alternate.name, setting),
      difference: `${alternate.name} has the setting ${named(setting)}, ${original.name} has not (to keep it: ${setStatement(original.name, setting)})`,
      essential: false,
    })),
  ];
}

function attribute(role: RoleFacts, words: string, difference: string): UpkeepStep {
  return { statement: `ALTER ROLE ${quoteIdentifier(role.name)} ${words}`, difference, essential: false };
}

function named({ database, name }: RoleSetting): string {
  return database === null ? name : `${name} (in database ${database})`;
}
