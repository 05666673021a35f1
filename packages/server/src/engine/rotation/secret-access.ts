import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  PREVIOUS,
  RekeyError,
  type RotationSettings,
  RotatorError,
  type SecretAccess,
  type SecretDescription,
  type SecretRecord,
  type SecretValue,
  type VersionSelector,
} from '@rekey/core';
import { type Soon, soon } from '../../store/soon.ts';
import type { Entry } from '../../store/store.ts';
import { findSecretById } from '../secret-lookup.ts';
import { findLabelled } from '../versions.ts';
import type { HeldSecret, HeldSecrets } from './held-secrets.ts';
import { makePendingValue, type PendingValueParts } from './pending-value.ts';
import { findFinishing, promotion, whenFinishing } from './promotion.ts';
import type { RotationJournal } from './rotation-journal.ts';

export interface SecretAccessParts extends PendingValueParts {
  readonly held: HeldSecrets;
  readonly journal: RotationJournal;
}

/**
 * What rotation functions in this process may do with secrets. Reads are free; writes pass only for a secret whose
 * claim this process's worker holds, under that claim's fence, so that a function that was paused cannot wake up later
 * and write. Failures of the store are noted on the claim: they must not be taken for an answer of the target.
 */
export class EngineSecretAccess implements SecretAccess {
  readonly inProcess = true;
  readonly #parts: SecretAccessParts;

  constructor(parts: SecretAccessParts) {
    this.#parts = parts;
  }

  async describe(secretId: string): Promise<SecretDescription> {
    const { record: secret } = await this.#get(secretId);
    return {
      arn: secret.arn,
      name: secret.name,
      settings: this.#settingsOf(secret),
      currentVersionId: findLabelled(secret, CURRENT)?.id ?? null,
      previousVersionId: findLabelled(secret, PREVIOUS)?.id ?? null,
    };
  }

  async getValue(secretId: string, selector: VersionSelector): Promise<string | null> {
    const { store } = this.#parts;
    const { record: secret } = await this.#get(secretId);
    const versionId = 'versionId' in selector ? selector.versionId : (findLabelled(secret, selector.label)?.id ?? null);
    const made = this.#madeFor(secret.id, versionId);
    const value =
      made ?? (versionId === null ? null : await this.#noting(secret.id, () => store.getValue(secret.id, versionId)));
    if (value === null || value.kind === 'text') return value?.text ?? null;
    throw new RotatorError('rejected-form', `The value of ${secret.name} is binary, and rotation needs text`, {
      nextAction: 'Put the credential as text.',
    });
  }

  async putPending(secretId: string, versionId: string, text: string): Promise<void> {
    const { record: secret } = await this.#get(secretId);
    const held = this.#heldFor(secret, versionId);
    await this.#noting(secret.id, () => makePendingValue(this.#parts, secret, versionId, { kind: 'text', text }, held));
  }

  async promote(secretId: string, versionId: string): Promise<void> {
    const { store, journal, clock } = this.#parts;
    const { record: secret } = await this.#get(secretId);
    if (findLabelled(secret, CURRENT)?.id === versionId) return;
    const held = this.#heldFor(secret, versionId);
    await this.#noting(secret.id, async () => {
      const rotation = whenFinishing(held.unrecorded, versionId) ?? (await findFinishing(store, secret, versionId));
      if (rotation === null) throw notAtWork(secret, versionId);
      await journal.writeWithSecret(
        'promotion',
        rotation,
        (latest) => promotion(rotation.record, latest, clock.now()),
        held,
      );
    });
  }

  #madeFor(secretId: string, versionId: string | null): SecretValue | null {
    const held = this.#parts.held.find(secretId);
    return held !== null && held.record?.versionId === versionId ? held.made : null;
  }

  #get(secretId: string): Soon<Entry<SecretRecord>> {
    return soon(findSecretById(this.#parts.store, secretId), (secret) => {
      if (secret !== null) return secret;
      throw new RotatorError('rejected-form', `There is no secret ${secretId}`, {
        nextAction: 'Correct the name, or create the secret.',
      });
    });
  }

  /** A rotation keeps the settings it began with, and the strategy it resolved: half-way they must not change. */
  #settingsOf(secret: SecretRecord): RotationSettings {
    const running = this.#parts.held.find(secret.id)?.record ?? null;
    if (running === null) return secret.rotation?.settings ?? DEFAULT_ROTATION_SETTINGS;
    return running.strategy === null ? running.settings : { ...running.settings, strategy: running.strategy };
  }

  #heldFor(secret: SecretRecord, versionId: string): HeldSecret {
    const held = this.#parts.held.find(secret.id);
    if (held !== null && held.record?.versionId === versionId && !held.signal.aborted) return held;
    throw notAtWork(secret, versionId);
  }

  async #noting<T>(secretId: string, act: () => Soon<T>): Promise<T> {
    try {
      return await act();
    } catch (error) {
      const held = this.#parts.held.find(secretId);
      if (held !== null && error instanceof RekeyError) held.trouble = error;
      throw error;
    }
  }
}

function notAtWork(secret: SecretRecord, versionId: string): RekeyError {
  return new RekeyError(
    'conflict',
    `Version ${versionId} of ${secret.name} is not being rotated by this server now; nothing was written.`,
    { reason: 'rotation-not-at-work' },
  );
}
