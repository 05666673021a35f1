import { RekeyError } from '@rekey/core';
import { type FreezeText, parseFreeze } from './freeze.ts';

/** Named sets of secrets: patterns (`*`, `?`) of their names, by the environment's name. */
export type Environments = Readonly<Record<string, readonly string[]>>;

/** A freeze as it is asked for: for whole environments, or for all secrets. */
export interface FreezeForm {
  readonly name: string;
  readonly environments?: readonly string[] | undefined;
  readonly every?: FreezeText['every'] | undefined;
  readonly from: string;
  readonly until: string;
  readonly timeZone?: string | undefined;
}

/**
 * The freeze with the names of the secrets it is for, checked.
 *
 * @throws RekeyError `invalid-input`; reasons `environment-unknown`, and as {@link parseFreeze}
 */
export function freezeText(form: FreezeForm, known: Environments): FreezeText {
  const { name, environments = null, every = 'once', from, until, timeZone = 'UTC' } = form;
  if (!/^[^\p{Cc}]{1,64}$/u.test(name))
    throw new RekeyError('invalid-input', 'The name of a freeze has 1 to 64 characters.', { reason: 'freeze-invalid' });
  const secrets = environments?.flatMap((environment) => patternsOf(environment, known)) ?? null;
  const text = { name, environments, secrets, every, from, until, timeZone };
  parseFreeze(text);
  return text;
}

function patternsOf(environment: string, known: Environments): readonly string[] {
  const patterns = Object.hasOwn(known, environment) ? known[environment] : undefined;
  if (patterns !== undefined) return patterns;
  const all = Object.keys(known).join(', ') || 'none';
  throw new RekeyError(
    'invalid-input',
    `There is no environment "${environment}" in rekey.yaml (environments there: ${all}).`,
    { reason: 'environment-unknown' },
  );
}
