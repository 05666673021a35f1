import { type FakeOptions, type FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import type { EngineWishes } from './testing.ts';

/** The rotation function `rekey-fake` on a target in memory, and no other. */
export function fakeFunctions(target: FakeTarget, options: FakeOptions = {}): EngineWishes['functions'] {
  return (access, random) => {
    const made = rotationFunctionFrom(fake(target, options), access, { random });
    return (functionArn) => (functionArn === 'rekey-fake' ? made : null);
  };
}
