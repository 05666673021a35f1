import { messageOf, parseDuration } from '@rekey/core';
import { z } from 'zod';
import type { Json } from '../../service/declaration/declaration.ts';
import { rotationBody } from './wish-forms.ts';

/** The body of `POST /rekey/plan` and `POST /rekey/apply`. Names, paths, tags and sizes are bounded as IAM's model does. */

const HOUR = 3_600_000;
const TAG = '[\\p{L}\\p{Z}\\p{N}_.:/=+\\-@]';

const namedText = (longest: number) =>
  z
    .string()
    .regex(new RegExp(`^[\\w+=,.@-]{1,${longest}}$`), `is no name of 1 to ${longest} letters, digits and _+=,.@-`);
const path = z
  .string()
  .max(512)
  .regex(/^\/([!-~]+\/)?$/, 'takes a path such as /team/');
const policyPath = z
  .string()
  .max(512)
  .regex(/^(\/[A-Za-z0-9.,+@=_-]+)*\/$/, 'takes a path such as /team/');
const tags = z.record(
  z.string().regex(new RegExp(`^${TAG}{1,128}$`, 'u'), 'is no key of a tag'),
  z.string().regex(new RegExp(`^${TAG}{0,256}$`, 'u'), 'is no value of a tag'),
);

/** Written as a mapping: text would hide a member that is written twice. */
const document = z
  .record(z.string(), z.json())
  .refine(
    (written) => /^[\t\n\r -\u00ff]{1,131072}$/.test(JSON.stringify(written)),
    'has other characters than a policy may have',
  )
  .transform((written) => written as Json);

/** Answers show users and roles in a trust policy by ARN; by unique id they would differ from it for ever. */
const trust = document.refine((written) => {
  const { Statement: statements = [] } = written as { readonly Statement?: Json };
  const principals = [statements].flat().map((statement) => Object(statement).Principal);
  return !/"(AIDA|AROA)[A-Z2-7]{17}"/.test(JSON.stringify(principals));
}, 'names users and roles by ARN, not by unique id');

const policyName = namedText(128);
/** A managed policy by name or ARN. */
const policyReference = z.union(
  [policyName, z.string().max(2048).startsWith('arn:')],
  'takes the name or ARN of a policy',
);
const owner = {
  path: path.optional(),
  policies: z.record(policyName, document).optional(),
  attached: z.array(policyReference).max(100).optional(),
};
const principal = { ...owner, boundary: policyReference.nullable().optional(), tags: tags.optional() };

/** `1h` to `12h`, as seconds. */
const maxSession = z.string().transform((text, context) => {
  try {
    return Math.floor(parseDuration(text, { what: 'maxSession', min: HOUR, max: 12 * HOUR }) / 1000);
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
});

/**
 * A name with nothing behind it is an entry all the same. A section with nothing behind it is none: `{}` is what says that
 * there shall be nobody.
 */
function section<T extends z.ZodType>(name: z.ZodString, entry: T) {
  return z
    .record(
      name,
      z.preprocess((given) => (given === null ? {} : given), entry),
    )
    .nullish();
}

export const declarationBody = z.strictObject({
  policies: section(policyName, z.strictObject({ path: policyPath.optional(), document, tags: tags.optional() })),
  providers: section(
    z.string().min(1).max(255),
    z.strictObject({ clientIds: z.array(z.string().min(1).max(255)).max(100).optional(), tags: tags.optional() }),
  ),
  groups: section(namedText(128), z.strictObject(owner)),
  users: section(namedText(64), z.strictObject({ ...principal, groups: z.array(namedText(128)).max(100).optional() })),
  roles: section(
    namedText(64),
    z.strictObject({
      ...principal,
      trust,
      description: z.string().max(1000).optional(),
      maxSession: maxSession.optional(),
    }),
  ),
  secrets: section(z.string().min(1).max(512), rotationBody),
  prune: z.boolean().optional(),
  plan: z.string().max(64).optional(),
});
