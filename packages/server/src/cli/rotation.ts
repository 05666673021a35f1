import { RekeyError } from '@rekey/core';
import type { Command } from 'commander';
import { connect, secretPath, type WhereOptions } from './connection.ts';
import { wholeNumber } from './input.ts';
import { createOutput } from './output.ts';
import { withCommonOptions } from './program.ts';
import { describeRotation } from './rotation-text.ts';

interface SetOptions extends WhereOptions {
  readonly json: boolean;
  readonly rotator?: string;
  readonly every?: string;
  readonly schedule?: string;
  readonly window?: string;
  readonly strategy?: string;
  readonly overlap?: string;
  readonly retireWithin?: string;
  readonly usernameMayChange?: boolean;
  readonly via?: string;
  readonly endSessions?: boolean;
  readonly requires?: readonly string[] | false;
  readonly green?: string;
  readonly soak?: string;
}

/** `rekey rotation set|show|off`. */
export function addRotation(program: Command): void {
  const rotation = program.command('rotation').description('configure the rotation of a secret');
  withCommonOptions(rotation.command('set <name>'))
    .description('rotate a secret on a schedule (every 30 days unless told otherwise)')
    .option('--rotator <name>', 'postgres, random-value …; as it is where one is configured')
    .option('--every <duration>', 'interval: 30d, 12h, 10m', undefined)
    .option('--schedule <expression>', "AWS's rate(…) or cron(…), UTC")
    .option('--window <duration>', 'length of the window in which it may happen: 3h')
    .option('--strategy <strategy>', 'auto, single-user, alternating-users, dual-password, two-keys')
    .option('--overlap <duration>', 'how long the old value stays valid (default 1h)')
    .option('--retire-within <duration>', 'the old value ends so long after promotion, whoever still holds it')
    .option('--username-may-change', 'allow strategies that give applications another username')
    .option('--via <host:port>', 'a pooler that must accept the new credential before promotion')
    .option('--end-sessions', 'end sessions of the retired credential')
    .option('--requires <name...>', 'staging counterparts: rotate only after they have rotated well')
    .option('--no-requires', 'rotate without waiting for any')
    .option('--green <number>', 'rotations of each in a row that must have ended well (default 1)')
    .option('--soak <duration>', 'how long that must have been so (default 24h)')
    .action(set);
  withCommonOptions(rotation.command('show <name>'))
    .description('configuration, state, next date and last rotations')
    .action(show);
  withCommonOptions(rotation.command('off <name>'))
    .description('stop rotating; the configuration is kept, a running rotation is abandoned')
    .action(off);
}

async function set(name: string, options: SetOptions): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = await connection.native('PUT', secretPath(name, 'rotation'), rotationBody(options));
  output.result(answer, () => describeRotation(answer, Date.now()));
}

/** The body of `PUT …/rotation`; what was not given keeps its setting, or its default on a secret without rotation. */
export function rotationBody(options: Omit<SetOptions, 'json'>): Record<string, unknown> {
  const rule =
    options.schedule !== undefined
      ? { schedule: options.schedule, ...(options.window === undefined ? {} : { window: options.window }) }
      : options.every !== undefined
        ? { every: options.every, ...(options.window === undefined ? {} : { window: options.window }) }
        : {};
  return {
    ...(options.rotator === undefined ? {} : { rotator: options.rotator }),
    ...rule,
    ...(options.strategy === undefined ? {} : { strategy: options.strategy }),
    ...(options.overlap === undefined ? {} : { overlap: options.overlap }),
    ...(options.retireWithin === undefined ? {} : { retireWithin: options.retireWithin }),
    ...(options.usernameMayChange === undefined ? {} : { usernameMayChange: options.usernameMayChange }),
    ...(options.via === undefined ? {} : { via: options.via }),
    ...(options.endSessions === undefined ? {} : { endSessions: options.endSessions }),
    ...(options.requires === undefined ? {} : { requires: options.requires === false ? [] : options.requires }),
    ...(options.green === undefined ? {} : { green: wholeNumber('--green', options.green, 1, 20) }),
    ...(options.soak === undefined ? {} : { soak: options.soak }),
  };
}

async function show(name: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const answer = await connection.native('GET', secretPath(name, 'rotation'));
  output.result(answer, () => describeRotation(answer, Date.now()));
}

async function off(name: string, options: WhereOptions & { json: boolean }): Promise<void> {
  const output = createOutput(options.json);
  const connection = await connect(options);
  const { rotation } = await connection.native('GET', secretPath(name, 'rotation'));
  if (rotation === null) throw new RekeyError('invalid-state', `${name} has no rotation that could be switched off.`);
  const answer = await connection.operation('CancelRotateSecret', { SecretId: name });
  output.result(answer, () => `${name}: rotation is off; \`rekey rotation set ${name} …\` turns it on again`);
}
