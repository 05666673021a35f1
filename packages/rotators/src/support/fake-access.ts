import {
  CURRENT,
  DEFAULT_ROTATION_SETTINGS,
  PREVIOUS,
  RekeyError,
  type RotationSettings,
  type SecretAccess,
} from '@rekey/core';

interface FakeSecret {
  readonly values: Map<string, string>;
  current: string;
  previous: string | null;
  settings: RotationSettings;
}

/** Secrets in memory behind the {@link SecretAccess} port, for tests of rotation functions. ARNs are the names. */
export class FakeAccess implements SecretAccess {
  readonly secrets = new Map<string, FakeSecret>();

  add(name: string, value: string, settings: Partial<RotationSettings> = {}): void {
    this.secrets.set(name, {
      values: new Map([['v1', value]]),
      current: 'v1',
      previous: null,
      settings: { ...DEFAULT_ROTATION_SETTINGS, ...settings },
    });
  }

  put(name: string, versionId: string, value: string): void {
    this.#get(name).values.set(versionId, value);
  }

  async describe(secretId: string) {
    const { settings, current, previous } = this.#get(secretId);
    return { arn: secretId, name: secretId, settings, currentVersionId: current, previousVersionId: previous };
  }

  async getValue(secretId: string, selector: { readonly versionId: string } | { readonly label: string }) {
    const secret = this.#get(secretId);
    const labels: Record<string, string | null> = { [CURRENT]: secret.current, [PREVIOUS]: secret.previous };
    const versionId = 'versionId' in selector ? selector.versionId : (labels[selector.label] ?? null);
    return versionId === null ? null : (secret.values.get(versionId) ?? null);
  }

  async putPending(secretId: string, versionId: string, text: string): Promise<void> {
    const { values } = this.#get(secretId);
    if (!values.has(versionId)) values.set(versionId, text);
  }

  async promote(secretId: string, versionId: string): Promise<void> {
    const secret = this.#get(secretId);
    if (secret.current === versionId) return;
    secret.previous = secret.current;
    secret.current = versionId;
  }

  #get(name: string): FakeSecret {
    const secret = this.secrets.get(name);
    if (secret === undefined) throw new RekeyError('not-found', `There is no secret ${name}`);
    return secret;
  }
}
