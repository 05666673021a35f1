import { RekeyError } from '@rekey/core';
import { type KeyringRecord, type WrappedKeyring, wrapId } from '../../seal/keyring.ts';
import type { KeyServer } from './key-servers.ts';

/**
 * The hand-over to another KEK, pure. The keyring is wrapped by both while it lasts, so that a server opens the store
 * with either; the old wrap goes when every server has opened it with the new one.
 */

/**
 * The record with one more wrap.
 *
 * @throws RekeyError `invalid-state`, reason `rewrap-unfinished`, while another hand-over is under way
 */
export function withWrap(record: KeyringRecord, wrap: WrappedKeyring): KeyringRecord {
  if (record.also !== undefined)
    throw new RekeyError(
      'invalid-state',
      'The keyring is being handed over to another seal already; finish that, or `rekey keys rewrap --cancel`: see `rekey keys status`.',
      { reason: 'rewrap-unfinished' },
    );
  return { ...record, also: [wrap] };
}

/**
 * The record with the new wrap alone, once every server has opened the store by it; null while one has not.
 */
export function handedOver(record: KeyringRecord, servers: readonly KeyServer[]): KeyringRecord | null {
  const next = record.also?.at(-1);
  if (next === undefined || servers.length === 0 || behindOf(record, servers).length > 0) return null;
  return { storeId: record.storeId, ...next };
}

/** Servers that have not opened the store by the new wrap. */
export function behindOf(record: KeyringRecord, servers: readonly KeyServer[]): readonly KeyServer[] {
  const next = record.also?.at(-1);
  return next === undefined ? [] : servers.filter(({ openedBy }) => openedBy !== wrapId(next));
}

/**
 * The record without the new wrap.
 *
 * @throws RekeyError `invalid-state`, reason `rewrap-none` or `rewrap-in-use`
 */
export function cancelled(record: KeyringRecord, servers: readonly KeyServer[]): KeyringRecord {
  const next = record.also?.at(-1);
  if (next === undefined)
    throw new RekeyError(
      'invalid-state',
      'The keyring is not being handed over to another seal; there is nothing to cancel.',
      {
        reason: 'rewrap-none',
      },
    );
  const using = servers.find(({ openedBy }) => openedBy === wrapId(next));
  if (using !== undefined)
    throw new RekeyError(
      'invalid-state',
      `Server ${using.id} has opened the store by the new seal (${using.seal}); start it with the old one first.`,
      { reason: 'rewrap-in-use' },
    );
  const { storeId, seal, wrapped } = record;
  return { storeId, seal, wrapped };
}
