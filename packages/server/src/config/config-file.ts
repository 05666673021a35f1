import { messageOf, parseDuration } from '@rekey/core';
import { parse } from 'yaml';
import { z } from 'zod';
import { RECURRENCES } from '../engine/order/freeze.ts';
import { issueText } from '../faces/native/issue-text.ts';
import { wrongUse } from './wrong-use.ts';

const region = z.string().regex(/^[a-z]{2}(-[a-z]+)+-\d$/, 'must look like us-east-1');

/** A window of days would keep a rotation from healing what it waits for; below a second it bounds nothing. */
const loginBudgetSchema = z
  .strictObject({
    logins: z.int().min(1).max(100).optional(),
    window: duration({ min: 1_000, max: 86_400_000 }).optional(),
  })
  .transform(({ logins, window }) => ({
    ...(logins === undefined ? {} : { logins }),
    ...(window === undefined ? {} : { window }),
  }));

/** How the KEK is reached; passphrases and tokens stand in files or the environment, never here. */
const sealSchema = z.discriminatedUnion('kind', [
  z.strictObject({ kind: z.literal('local-key'), file: z.string().optional() }),
  z.strictObject({ kind: z.literal('passphrase'), file: z.string().optional() }),
  z.strictObject({
    kind: z.literal('aws-kms'),
    key: z.string().optional(),
    region: z.string().optional(),
    endpoint: z.url().optional(),
    profile: z.string().optional(),
  }),
  z.strictObject({
    kind: z.literal('vault-transit'),
    address: z.url().optional(),
    key: z
      .string()
      .regex(/^[\w.-]+$/, 'must be the name of a transit key: letters, digits, _, . and -')
      .optional(),
    mount: z.string().optional(),
    namespace: z.string().optional(),
    tokenFile: z.string().optional(),
    caFile: z.string().optional(),
  }),
]);

const freezeForm = z.strictObject({
  name: z.string().min(1).max(64),
  environments: z.array(z.string().max(64)).min(1).max(100).optional(),
  every: z.enum(RECURRENCES).optional(),
  from: z.coerce.string().max(32),
  until: z.coerce.string().max(32),
  timeZone: z.string().max(64).optional(),
});

/** Sections that `rekey plan` and `rekey apply` send to the server, which reads them then; at its start they say nothing. */
export const DECLARED_SECTIONS = ['users', 'groups', 'roles', 'policies', 'providers', 'secrets'] as const;
const declared = z.unknown().optional();

/** A plain address would let anybody on the way see the token, or choose the keys. */
const githubUrl = z
  .url()
  .refine((url) => /^https:\/\/|^http:\/\/(localhost|127\.0\.0\.1|\[::1\])[:/]/.test(url), 'must begin with https://');

const breachSchema = z.strictObject({
  overlap: duration({ min: 0, max: 86_400_000 }).optional(),
  sessions: z.enum(['end', 'keep']).optional(),
  webhooks: z
    .strictObject({
      githubPartner: z
        .strictObject({ keysUrl: githubUrl.optional(), keyFiles: z.record(z.string(), z.string()).optional() })
        .optional(),
      githubAlert: z
        .strictObject({ secretFile: z.string(), tokenFile: z.string(), api: githubUrl.optional() })
        .optional(),
      generic: z
        .array(
          z.strictObject({
            name: z
              .string()
              .regex(
                /^(?!github-)[a-z0-9-]{1,40}$/,
                'takes small letters, digits and hyphens, and does not begin with github-',
              ),
            secretFile: z.string(),
          }),
        )
        .optional(),
      perSource: z.int().min(1).max(6_000).optional(),
      overall: z.int().min(1).max(60_000).optional(),
    })
    .optional(),
});

/** What `rekey.yaml` may say. Loaded only where there is one: the YAML reader and zod are half of what a start loads. */
const fileSchema = z.strictObject({
  listen: z.string().optional(),
  region: region.optional(),
  replicaRegions: z.array(region).max(32).optional(),
  account: z
    .string()
    .regex(/^\d{12}$/, 'must be twelve digits in quotes')
    .optional(),
  tls: z.strictObject({ cert: z.string(), key: z.string() }).optional(),
  trustedProxies: z.array(z.string()).optional(),
  insecureHttp: z.boolean().optional(),
  logLevel: z.enum(['trace', 'debug', 'info', 'warn', 'error']).optional(),
  store: z
    .strictObject({
      url: z.string().optional(),
      readBound: duration({ min: 100, max: 60_000 }).optional(),
      staleReads: durationOrOff({ min: 1_000, max: 86_400_000 }).optional(),
    })
    .optional(),
  audit: z
    .strictObject({
      durability: z.enum(['written', 'synced']).optional(),
      fileBytes: z.int().min(65_536).optional(),
    })
    .optional(),
  escrow: z.strictObject({ secondFolder: z.string().optional() }).optional(),
  seal: sealSchema.optional(),
  backup: z
    .strictObject({
      every: duration({ min: 60_000, max: 31 * 86_400_000 }).default(86_400_000),
      folder: z.string().min(1),
      keep: z.int().min(1).max(10_000).default(14),
    })
    .optional(),
  issuers: z
    .array(z.strictObject({ url: z.url(), caFile: z.string().optional(), tokenFile: z.string().optional() }))
    .optional(),
  alerts: z
    .strictObject({
      webhooks: z.array(z.strictObject({ url: z.url(), secretFile: z.string() })).optional(),
    })
    .optional(),
  metrics: z.strictObject({ open: z.boolean().optional(), tokenFile: z.string().min(1).optional() }).optional(),
  rotation: z
    .strictObject({
      concurrency: z.int().min(1).max(256).optional(),
      concurrencyPerTarget: z.int().min(1).max(64).optional(),
      loginBudget: loginBudgetSchema.optional(),
      driftInterval: durationOrOff({ min: 60_000, max: 30 * 86_400_000 }).optional(),
    })
    .optional(),
  environments: z.record(z.string().min(1).max(64), z.array(z.string().min(1).max(512)).min(1).max(100)).optional(),
  freezes: z.array(freezeForm).max(100).optional(),
  breach: breachSchema.optional(),
  users: declared,
  groups: declared,
  roles: declared,
  policies: declared,
  providers: declared,
  secrets: declared,
});

/** `30s`, `10m`, `24h` as milliseconds. */
interface Bounds {
  readonly min: number;
  readonly max: number;
}

function duration(bounds: Bounds) {
  return z.string().transform((text, context) => durationOf(text, bounds, context));
}

/** One rule and no union: of a union that does not match it is not said what is wrong. */
function durationOrOff(bounds: Bounds) {
  return z
    .string()
    .transform((text, context) => (text === 'off' ? ('off' as const) : durationOf(text, bounds, context)));
}

function durationOf(text: string, bounds: Bounds, context: z.RefinementCtx): number {
  try {
    return parseDuration(text, { what: 'the duration', ...bounds });
  } catch (error) {
    context.addIssue({ code: 'custom', message: messageOf(error) });
    return z.NEVER;
  }
}

export type FileConfig = z.infer<typeof fileSchema>;

/** @throws RekeyError `invalid-input` naming the file and what in it is not understood. */
export function parseConfigFile(text: string, path: string): FileConfig {
  const checked = fileSchema.safeParse(parseYaml(text, path));
  if (checked.success) return checked.data;
  throw wrongUse(`${path}: ${issueText(checked.error.issues[0])}`);
}

function parseYaml(text: string, path: string): unknown {
  try {
    return parse(text) ?? {};
  } catch (error) {
    throw wrongUse(`${path} is not YAML: ${String(error instanceof Error ? error.message : error).split('\n')[0]}`);
  }
}
