import type { AwsKmsSettings } from './aws-kms.ts';
import { LocalKeySeal } from './local-key.ts';
import type { Seal } from './seal.ts';
import type { SecretSource } from './secret-text.ts';
import type { VaultTransitSettings } from './vault-transit.ts';

/** Which seal, and how its KEK is reached: never the secret by which it is reached, only where that is. */
export type SealSettings =
  | { readonly kind: 'local-key'; readonly file: string }
  /** Null: from the environment. */
  | { readonly kind: 'passphrase'; readonly file: string | null }
  | ({ readonly kind: 'aws-kms' } & AwsKmsSettings)
  | ({
      readonly kind: 'vault-transit';
      /** Null: from the environment. */
      readonly tokenFile: string | null;
      readonly caFile: string | null;
    } & VaultTransitSettings);

export const SEAL_KINDS = [
  'local-key',
  'passphrase',
  'aws-kms',
  'vault-transit',
] as const satisfies readonly SealSettings['kind'][];

export type Environment = Readonly<Record<string, string | undefined>>;

/** Nothing is asked of the KEK yet. What a kind needs is loaded only if it is that kind. */
export async function openSeal(settings: SealSettings, environment: Environment): Promise<Seal> {
  switch (settings.kind) {
    case 'local-key':
      return new LocalKeySeal(settings.file);
    case 'passphrase': {
      const { PassphraseSeal } = await import('./passphrase.ts');
      return new PassphraseSeal({ source: sourceOf(settings.file, 'REKEY_PASSPHRASE', environment) });
    }
    case 'aws-kms': {
      const { AwsKmsSeal } = await import('./aws-kms.ts');
      return new AwsKmsSeal({ settings, environment });
    }
    case 'vault-transit': {
      const { VaultTransitSeal } = await import('./vault-transit.ts');
      const token = sourceOf(settings.tokenFile, 'REKEY_VAULT_TOKEN', environment);
      return new VaultTransitSeal({ settings, token, caFile: settings.caFile });
    }
  }
}

/** An empty variable is told as an empty secret when it is first needed. */
function sourceOf(file: string | null, variable: string, environment: Environment): SecretSource {
  return file === null ? { variable, text: environment[variable] ?? '' } : { file };
}
