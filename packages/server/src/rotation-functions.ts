import type { FindRotationFunction, RandomSource, RotationFunction, RotationSettings, SecretAccess } from '@rekey/core';
import { rotationFunctionFrom, rotators } from '@rekey/rotators';

export interface FunctionPlace {
  readonly region: string;
  readonly account: string;
}

/** Built-in rotation functions are addressed as AWS addresses a Lambda, or by their bare name. */
const PREFIX = 'rekey-';

/**
 * The rotation functions of this server: every rotator of `@rekey/rotators` under its bare name `rekey-<rotator>` and
 * as `arn:aws:lambda:<region>:<account>:function:rekey-<rotator>`.
 */
export function rotationFunctions(
  access: SecretAccess,
  random: RandomSource,
  place: FunctionPlace,
): FindRotationFunction {
  const made = new Map<string, RotationFunction>();
  const arnPrefix = `arn:aws:lambda:${place.region}:${place.account}:function:`;
  return (functionArn) => {
    const name = functionArn.startsWith(arnPrefix) ? functionArn.slice(arnPrefix.length) : functionArn;
    const rotator = name.startsWith(PREFIX) ? name.slice(PREFIX.length) : null;
    if (rotator === null || !Object.hasOwn(rotators, rotator)) return null;
    const known = made.get(rotator) ?? rotationFunctionFrom(rotators[rotator]!(), access, { random });
    made.set(rotator, known);
    return known;
  };
}

/** The same secrets, as if they had other settings: what a plan for settings not yet made is worked out over. */
export function accessUnder(access: SecretAccess, settings: RotationSettings): SecretAccess {
  return {
    describe: async (secretId) => ({ ...(await access.describe(secretId)), settings }),
    getValue: (secretId, selector) => access.getValue(secretId, selector),
    putPending: (secretId, versionId, text) => access.putPending(secretId, versionId, text),
    promote: (secretId, versionId) => access.promote(secretId, versionId),
  };
}
