import { type Clock, RekeyError, type SecretRecord, type SecretValue, type VersionRecord } from '@rekey/core';
import type { Entry, Store } from '../../store/store.ts';
import { type BoundaryHook, crossing } from '../boundary.ts';
import type { EscrowJournal } from '../escrow/escrow.ts';
import { fillVersion, findVersion } from '../versions.ts';
import type { HeldSecret } from './held-secrets.ts';

export interface PendingValueParts {
  readonly store: Store;
  readonly escrow: EscrowJournal;
  readonly clock: Clock;
  readonly boundary?: BoundaryHook;
}

const ATTEMPTS = 10;

/**
 * Takes the new value from a rotation function of this process: durable in the escrow journal at once, in the store with
 * the step's outcome, before any target can hear of it. A version that has a value keeps it: success.
 *
 * @throws RekeyError `invalid-state` (reason `version-not-staged`) if no rotation staged the version
 */
export async function makePendingValue(
  parts: PendingValueParts,
  secret: SecretRecord,
  versionId: string,
  value: SecretValue,
  held: HeldSecret,
): Promise<void> {
  if (staged(secret, versionId).hasValue || held.made !== null) return;
  await crossing(parts.boundary, 'escrow', () => appendToEscrow(parts, secret, versionId, value));
  held.made = value;
}

/**
 * Makes the new value of a rotation durable, in the escrow journal and in the store, before it returns. A version that
 * has a value keeps it: success.
 *
 * @throws RekeyError `invalid-state` (reason `version-not-staged`) if no rotation staged the version
 */
export async function storePendingValue(
  parts: PendingValueParts,
  secretId: string,
  versionId: string,
  value: SecretValue,
): Promise<void> {
  const { store, boundary } = parts;
  let escrowed = false;
  for (let attempt = 1; ; attempt += 1) {
    const secret = await getSecret(store, secretId);
    if (staged(secret.record, versionId).hasValue) return;
    if (!escrowed) await crossing(boundary, 'escrow', () => appendToEscrow(parts, secret.record, versionId, value));
    escrowed = true;
    try {
      await crossing(boundary, 'value', () => commitValue(parts, secret, versionId, value));
      return;
    } catch (error) {
      if (attempt >= ATTEMPTS || !(error instanceof RekeyError) || error.code !== 'conflict') throw error;
    }
  }
}

async function getSecret(store: Store, secretId: string): Promise<Entry<SecretRecord>> {
  const secret = await store.get('secret', secretId);
  if (secret === null) throw new RekeyError('not-found', 'The secret was removed while it was rotated.');
  return secret;
}

function staged(secret: SecretRecord, versionId: string): VersionRecord {
  const version = findVersion(secret, versionId);
  if (version !== null) return version;
  throw new RekeyError(
    'invalid-state',
    `Version ${versionId} of ${secret.name} was removed while it was rotated; rotate again.`,
    { reason: 'version-not-staged' },
  );
}

function appendToEscrow(
  { escrow, clock }: PendingValueParts,
  secret: SecretRecord,
  versionId: string,
  value: SecretValue,
): Promise<void> {
  if (value.kind !== 'text') return Promise.resolve();
  return escrow.append({
    secretId: secret.id,
    secretName: secret.name,
    secretArn: secret.arn,
    versionId,
    rotationNumber: secret.rotation?.number ?? 0,
    text: value.text,
    at: clock.now(),
  });
}

async function commitValue(
  { store, clock }: PendingValueParts,
  secret: Entry<SecretRecord>,
  versionId: string,
  value: SecretValue,
): Promise<void> {
  const filled = fillVersion(secret.record, versionId, [], clock.now());
  await store.commit([
    { collection: 'secret', id: secret.id, record: filled, expect: secret.revision },
    { collection: 'value', id: `${secret.id}/${versionId}`, record: value },
  ]);
}
