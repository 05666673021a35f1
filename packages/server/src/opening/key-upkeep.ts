import { RekeyError } from '@rekey/core';
import { KeyUpkeep, type KeyUpkeepParts } from '../engine/keys/key-upkeep.ts';
import type { KeyParts } from '../service/keys.ts';
import { ensureServerId } from './server-id.ts';

/** Name of the only server on a store of its own. */
const ALONE = 'this-server';

type Given = Omit<KeyUpkeepParts, 'keys' | 'serverId'>;

/** The upkeep of the keys; a store in memory has none to look after. */
export interface OpenKeyUpkeep {
  readonly parts: KeyParts;
  start(): void;
  stop(): Promise<void>;
}

export function openKeyUpkeep(
  given: Given,
  server: { readonly dataFolder: string | null; readonly shared: boolean },
): OpenKeyUpkeep {
  const { keys } = given.store;
  if (keys === null || server.dataFolder === null) return { parts: NO_KEYS, start: () => {}, stop: async () => {} };
  const serverId = server.shared ? ensureServerId(server.dataFolder) : ALONE;
  const upkeep = new KeyUpkeep({ ...given, keys, serverId });
  return { parts: upkeep, start: () => upkeep.start(), stop: () => upkeep.stop() };
}

const noKeys = async (): Promise<never> => {
  throw new RekeyError(
    'invalid-state',
    'A store in memory (--dev) has keys that are gone with it; there is nothing to change.',
    {
      reason: 'store-in-memory',
    },
  );
};
const NO_KEYS: KeyParts = { status: noKeys, rotate: noKeys, addWrap: noKeys, cancelWrap: noKeys, forget: noKeys };
