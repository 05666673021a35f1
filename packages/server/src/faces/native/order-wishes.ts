import type { RotationOverride } from '@rekey/core';
import type { FreezeForm } from '../../engine/order/environments.ts';
import { check } from './wishes.ts';

/** What a request to rotate overrides; undefined: nothing. */
export type RotateWish = RotationOverride | undefined;
export type FreezeWish = Omit<FreezeForm, 'name'>;

/** Reads the body of `POST …/rotate`; there need not be one. */
export async function readRotateWish(body: unknown): Promise<RotateWish> {
  const { rotateBody } = await import('./wish-forms.ts');
  const { overrideFreeze: freeze, overrideGate: gate } = check(rotateBody, body);
  if (freeze === undefined && gate === undefined) return undefined;
  return { ...(freeze === undefined ? {} : { freeze }), ...(gate === undefined ? {} : { gate }) };
}

/** Reads the body of `PUT /rekey/freezes/NAME`. */
export async function readFreezeForm(body: unknown): Promise<FreezeWish> {
  const { freezeBody } = await import('./wish-forms.ts');
  return check(freezeBody, body);
}
