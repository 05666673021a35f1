// Written by scripts/gen-catalogue.ts; a new rotator is a new file in this folder.
import type { Rotator } from '@rekey/core';
import { fake } from './fake.ts';
import { postgres } from './postgres.ts';
import { randomValue } from './random-value.ts';

/** Every rotator of this package by its name; the built-in rotation function is `rekey-<name>`. */
export const rotators: Readonly<Record<string, () => Rotator>> = {
  fake,
  postgres,
  'random-value': randomValue,
};
