import type { FindRotationFunction, RotationFunction, RotationSettings, SecretAccess } from '@rekey/core';

/** Makes the function of one rotator over some secrets; null if there is no rotator of that name. */
export type MakeRotationFunction = (rotator: string, access: SecretAccess) => RotationFunction | null;

export interface FunctionPlace {
  readonly region: string;
  readonly account: string;
}

/** Built-in rotation functions are addressed as AWS addresses a Lambda, or by their bare name. */
const PREFIX = 'rekey-';

/**
 * The rotation functions of this server: every rotator under its bare name `rekey-<rotator>` and as
 * `arn:aws:lambda:<region>:<account>:function:rekey-<rotator>`.
 */
export function rotationFunctions(
  make: MakeRotationFunction,
  access: SecretAccess,
  place: FunctionPlace,
): FindRotationFunction {
  const made = new Map<string, RotationFunction | null>();
  const arnPrefix = `arn:aws:lambda:${place.region}:${place.account}:function:`;
  return (functionArn) => {
    const name = functionArn.startsWith(arnPrefix) ? functionArn.slice(arnPrefix.length) : functionArn;
    if (!name.startsWith(PREFIX)) return null;
    const known = made.get(name);
    if (known !== undefined) return known;
    const found = make(name.slice(PREFIX.length), access);
    if (found !== null) made.set(name, found);
    return found;
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
