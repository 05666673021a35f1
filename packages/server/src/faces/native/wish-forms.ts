import { STRATEGIES } from '@rekey/core';
import { z } from 'zod';

/** The bodies of native requests. Loaded with the first of them: zod is a sixth of what a server would load at start. */

export const rotationBody = z.strictObject({
  rotator: z.string().min(1).max(2048).optional(),
  every: z.string().max(20).optional(),
  schedule: z.string().min(1).max(256).optional(),
  window: z
    .string()
    .regex(/^\d{1,2}h$/, 'takes hours such as 3h')
    .optional(),
  strategy: z.enum(['auto', ...STRATEGIES]).optional(),
  overlap: z.string().max(20).optional(),
  retireWithin: z.string().max(20).nullable().optional(),
  usernameMayChange: z.boolean().optional(),
  via: z
    .string()
    .regex(/^(\[[0-9a-fA-F:.]+\]|[^:/\s]+):\d{1,5}$/, 'takes host:port')
    .refine(isPortThere, 'takes host:port, with a port from 1 to 65535')
    .nullable()
    .optional(),
  endSessions: z.boolean().optional(),
  requires: z.array(z.string().min(1).max(512)).max(20).optional(),
  green: z.int().min(1).max(20).optional(),
  soak: z.string().max(20).optional(),
});
function isPortThere(address: string): boolean {
  const port = Number(address.slice(address.lastIndexOf(':') + 1));
  return port >= 1 && port <= 65_535;
}

export const adoptionBody = rotationBody.extend({ versionId: z.string().min(1).max(64).optional() });
export type RotationBody = z.infer<typeof rotationBody>;

const A_REASON = 'takes a reason of 3 to 256 characters';
const reason = z.string().trim().min(3, A_REASON).max(256, A_REASON);
export const rotateBody = z.strictObject({ overrideFreeze: reason.optional(), overrideGate: reason.optional() });

export const freezeBody = z.strictObject({
  environments: z.array(z.string().max(64)).min(1).max(100).optional(),
  every: z.enum(['once', 'year', 'month', 'week', 'day']).optional(),
  from: z.string().max(32),
  until: z.string().max(32),
  timeZone: z.string().max(64).optional(),
});

/** The body of `POST …/holders`. The instance is a name that an application makes for itself: no spaces, no line ends. */
export const acknowledgementBody = z.strictObject({
  versionId: z.string().min(1).max(64).nullable(),
  instance: z.string().regex(/^[\w.:@/+-]{1,128}$/, 'takes 1 to 128 letters, digits and _.:@/+-'),
  every: z.string().max(20).optional(),
});

export const quarantineBody = z.strictObject({ despiteFindings: z.boolean().optional() });

/** A keyring of sixty DEKs, wrapped, in base64. */
export const rewrapBody = z.strictObject({
  seal: z.string().regex(/^[a-z]+(-[a-z]+)*$/, 'takes the kind of a seal'),
  wrapped: z.base64().max(16_384),
  keyringRevision: z.int().min(1),
});
export const forgetBody = z.strictObject({ server: z.string().min(1).max(64) });

export const simulationBody = z.strictObject({
  principal: z.string().min(1).max(2048),
  action: z.string().min(1).max(256),
  secret: z.string().min(1).max(2048).optional(),
  keys: z
    .record(z.string().max(256), z.union([z.string().max(2048), z.array(z.string().max(2048)).max(100)]))
    .optional(),
});
