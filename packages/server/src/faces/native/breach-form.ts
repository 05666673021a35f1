import { z } from 'zod';

/** The bodies about breaches. */
const how = {
  overlap: z.string().max(20).optional(),
  sessions: z.enum(['end', 'keep']).optional(),
  note: z.string().max(500).optional(),
};

export const breachBody = z.strictObject(how);
export const leakedBody = z.strictObject({ ...how, value: z.string().min(1).max(65_536) });
