import { type Caller, RekeyError, type RotationSettings, type SecretRecord } from '@rekey/core';
import { gateCycle } from '../engine/order/gates.ts';
import type { Store } from '../store/store.ts';
import type { UseCases } from './use-case.ts';

/**
 * Passes a gate whose counterparts are there, may be looked at by whoever sets it (its sentences tell how they fare), and
 * do not wait for the secret themselves.
 *
 * @throws RekeyError `not-found`, reason `secret-not-found`; `invalid-input`, reason `gate-cycle`; reason `not-permitted`
 */
export async function checkGate(
  { cases, store, look }: { readonly cases: UseCases; readonly store: Store; readonly look: string },
  caller: Caller,
  { id, name }: SecretRecord,
  { requires = [] }: Partial<RotationSettings>,
): Promise<void> {
  for (const secretId of requires) {
    await cases.require({ caller, action: look, secretId });
    if ((await store.findSecret(secretId)) === null && !secretId.startsWith('arn:'))
      throw new RekeyError('not-found', `There is no secret "${secretId}" that ${name} could wait for.`, {
        reason: 'secret-not-found',
      });
  }
  const cycle = await gateCycle(store, id, requires);
  if (cycle === null) return;
  const chain = cycle.length === 1 ? 'itself' : `itself: ${cycle.join(' waits for ')}`;
  throw new RekeyError('invalid-input', `${name} would wait for ${chain}.`, { reason: 'gate-cycle' });
}
