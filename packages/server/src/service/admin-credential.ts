import { type Caller, CURRENT, type SecretRecord } from '@rekey/core';
import { adminNamedIn } from '../engine/admin-named.ts';
import { findLabelled } from '../engine/versions.ts';
import type { Store } from '../store/store.ts';
import { translateLabel } from './aws-labels.ts';
import type { UseCases } from './use-case.ts';

/** The admin credential that a rotation of the secret as it stands would use. */
export async function adminOf(store: Store, secret: SecretRecord): Promise<string | null> {
  const current = findLabelled(secret, CURRENT);
  return current?.hasValue ? adminNamedIn(await store.getValue(secret.id, current.id)) : null;
}

/**
 * Whoever makes a secret use an admin credential must be allowed to read that credential itself: otherwise anybody who may
 * put values could have it sent to a host of his own.
 *
 * @throws NotPermitted
 */
export async function mayUseAdmin(cases: UseCases, caller: Caller, admin: string | null): Promise<void> {
  if (admin === null || caller.principal.kind === 'root') return;
  const keys = { 'secretsmanager:VersionStage': translateLabel(CURRENT) };
  // The engine looks names up in the server's own region, wherever the request was signed for.
  const { region: _, ...atHome } = caller;
  await cases.require({ caller: atHome, action: 'secretsmanager:GetSecretValue', secretId: admin, keys });
}
