import { parseDuration } from '@rekey/core';
import type { BreachWish } from '../../service/breach.ts';
import type { NativeDeps, NativeRequest } from './operation.ts';
import { check } from './wishes.ts';

const LONGEST_OVERLAP = 86_400_000;

/** A value that leaked, and how it is to be dealt with. */
export type LeakedWish = BreachWish & { readonly value: string };

/** Reads the body of `POST …/breach`. */
export async function readBreachWish(body: unknown): Promise<BreachWish> {
  const { breachBody } = await import('./breach-form.ts');
  return breachWish(check(breachBody, body));
}

/** Reads the body of `POST /rekey/breaches`. */
export async function readLeakedWish(body: unknown): Promise<LeakedWish> {
  const { leakedBody } = await import('./breach-form.ts');
  const { value, ...how } = check(leakedBody, body);
  return { ...breachWish(how), value };
}

function breachWish(wish: {
  readonly overlap?: string | undefined;
  readonly sessions?: 'end' | 'keep' | undefined;
  readonly note?: string | undefined;
}): BreachWish {
  const { overlap, sessions, note = null } = wish;
  const limits = { what: 'overlap', min: 0, max: LONGEST_OVERLAP };
  return {
    note,
    settings: {
      ...(overlap === undefined ? {} : { overlap: parseDuration(overlap, limits) }),
      ...(sessions === undefined ? {} : { endSessions: sessions === 'end' }),
    },
  };
}

export async function reportBreach({ caller, variables, wish }: NativeRequest<BreachWish>, { service }: NativeDeps) {
  return { breach: await service.breach.reportSecret(caller, variables.name ?? '', wish) };
}

export async function reportLeaked({ caller, wish }: NativeRequest<LeakedWish>, { service }: NativeDeps) {
  return { breach: await service.breach.reportValue(caller, wish.value, wish) };
}

export async function listBreaches({ caller }: NativeRequest, { service }: NativeDeps) {
  return { breaches: await service.breach.list(caller) };
}

export async function getBreach({ caller, variables }: NativeRequest, { service }: NativeDeps) {
  return { breach: await service.breach.get(caller, variables.id ?? '') };
}
