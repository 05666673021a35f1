import { type FakeOptions, type FakeTarget, fake, rotationFunctionFrom } from '@rekey/rotators';
import type { EngineWishes } from './testing.ts';

/**
 * The rotation function `rekey-fake` on a target in memory, and no other.
 *
 * @param outside as if it ran in another process and came through a face: it looks for its step in the store
 */
export function fakeFunctions(
  target: FakeTarget,
  { outside = false, ...options }: FakeOptions & { readonly outside?: boolean } = {},
): EngineWishes['functions'] {
  return (access, random) => {
    const made = rotationFunctionFrom(fake(target, options), access, { random });
    const found = outside ? { ...made, inProcess: false } : made;
    return (functionArn) => (functionArn === 'rekey-fake' ? found : null);
  };
}
