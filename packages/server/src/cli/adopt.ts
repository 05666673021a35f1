import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { createOutput } from './output.ts';
import { withCommonOptions } from './program.ts';

interface Options extends WhereOptions {
  readonly json: boolean;
  readonly rotator: string;
}

/** `rekey adopt NAME`: proves that the stored credential logs in and that rekey could rotate it; changes nothing. */
export function addAdopt(program: Command): void {
  withCommonOptions(program.command('adopt <name>'))
    .description('verify an existing credential at its target; changes nothing')
    .option('--rotator <name>', 'rotator to verify with, if none is configured yet')
    .action(adopt);
}

export interface AdoptAnswer {
  readonly probe: { readonly outcome: string; readonly reason: string };
  readonly admin: { readonly name: string; readonly outcome: string; readonly reason: string } | null;
  readonly plan: {
    readonly strategy: string;
    readonly why: string;
    readonly needs: readonly string[];
    readonly warnings: readonly string[];
    readonly statements: readonly string[];
    readonly expectedWindow: number;
  } | null;
}

async function adopt(name: string, options: Options): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = (await connection.ask(
    'POST',
    secretPath(name, 'adopt'),
    options.rotator === undefined ? {} : { rotator: options.rotator },
  )) as unknown as AdoptAnswer;
  output.result(answer, () => describeAdoption(name, answer));
  if (answer.probe.outcome !== 'accepted')
    throw new RekeyError(
      'invalid-state',
      `${name}: the target did not accept the stored credential (${answer.probe.outcome}): ${answer.probe.reason}`,
    );
  const refusal = adminRefusal(name, answer.admin);
  if (refusal !== null) throw refusal;
}

/** An admin credential that does not log in stops every rotation that needs it. */
export function adminRefusal(name: string, admin: AdoptAnswer['admin']): RekeyError | null {
  if (admin === null || admin.outcome === 'accepted') return null;
  const { name: named, outcome, reason } = admin;
  return new RekeyError(
    'invalid-state',
    `${name}: the target did not accept the admin credential ${named} (${outcome}): ${reason.replace(/\.$/, '')}. Put the one it accepts into ${named}, then try again.`,
  );
}

/** What was proven and what a rotation would do. */
export function describeAdoption(name: string, answer: AdoptAnswer): string {
  const { admin, plan } = answer;
  return [
    `${name}: the stored credential is ${answer.probe.outcome} (${answer.probe.reason}); nothing was changed`,
    ...describeAdmin(admin),
    ...(plan === null ? [] : describePlan(plan)),
  ].join('\n');
}

/** What the target says of the admin credential, where the value names one. */
export function describeAdmin(admin: AdoptAnswer['admin']): string[] {
  return admin === null ? [] : [`  the admin credential ${admin.name} is ${admin.outcome} (${admin.reason})`];
}

/** What a rotation would do, from a plan. */
export function describePlan(plan: NonNullable<AdoptAnswer['plan']>): string[] {
  return [
    `  a rotation would use ${plan.strategy}: ${plan.why}`,
    `  expected window in which current is refused: ${plan.expectedWindow === 0 ? 'none' : `about ${plan.expectedWindow} ms`}`,
    ...plan.statements.map((statement) => `    ${statement}`),
    ...(plan.needs.length === 0
      ? []
      : ['  first, a superuser must run:', ...plan.needs.map((statement) => `    ${statement}`)]),
    ...plan.warnings.map((warning) => `  note: ${warning}`),
  ];
}
