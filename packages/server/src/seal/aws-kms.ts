import type { KMSClient, KMSClientConfig } from '@aws-sdk/client-kms';
import { RekeyError } from '@rekey/core';
import { away, DEFAULT_PATIENCE, type Patience, patiently } from './patience.ts';
import type { Seal } from './seal.ts';

export interface AwsKmsSettings {
  /** Id, ARN, `alias/…` or alias ARN of a symmetric key for ENCRYPT_DECRYPT. */
  readonly key: string;
  /** Else the one in the ARN, else AWS_REGION. */
  readonly region: string | null;
  /** Else AWS's own, or AWS_ENDPOINT_URL_KMS. */
  readonly endpoint: string | null;
  /** Profile of the AWS configuration whose credentials are used; else what the SDK finds. */
  readonly profile: string | null;
}

export interface AwsKmsOptions {
  readonly settings: AwsKmsSettings;
  readonly environment: Readonly<Record<string, string | undefined>>;
  readonly patience?: Patience;
  /** Brings the SDK; a test may let it be missing. */
  readonly load?: () => Promise<Sdk>;
}

type Sdk = Pick<typeof import('@aws-sdk/client-kms'), 'KMSClient' | 'EncryptCommand' | 'DecryptCommand'>;

/** Name of the optional package, which is loaded when a store is first opened with this seal. */
const PACKAGE = '@aws-sdk/client-kms';

/**
 * A KEK that never leaves AWS KMS. What a wrap belongs to (the store) is its encryption context, so that KMS refuses to
 * open it for anything else, and CloudTrail says which store was opened.
 *
 * Needs `kms:Encrypt` and `kms:Decrypt` on the key.
 * https://docs.aws.amazon.com/kms/latest/APIReference/API_Encrypt.html, API_Decrypt.html
 */
export class AwsKmsSeal implements Seal {
  readonly name = 'aws-kms';
  readonly #settings: AwsKmsSettings;
  readonly #environment: AwsKmsOptions['environment'];
  readonly #patience: Patience;
  readonly #load: () => Promise<Sdk>;
  #client: Promise<{ readonly sdk: Sdk; readonly client: KMSClient }> | null = null;

  constructor({
    settings,
    environment,
    patience = DEFAULT_PATIENCE,
    load = () => import('@aws-sdk/client-kms'),
  }: AwsKmsOptions) {
    this.#settings = settings;
    this.#environment = environment;
    this.#patience = patience;
    this.#load = load;
  }

  describe(): string {
    return `the AWS KMS key ${this.#settings.key}`;
  }

  /** A key of KMS is made by those who own the account. */
  async prepare(): Promise<void> {}

  async wrap(plain: Uint8Array, context: string): Promise<Uint8Array> {
    const { CiphertextBlob } = await this.#ask(({ sdk, client }, signal) =>
      client.send(
        new sdk.EncryptCommand({ KeyId: this.#settings.key, Plaintext: plain, EncryptionContext: contextOf(context) }),
        { abortSignal: signal },
      ),
    );
    return CiphertextBlob ?? missingAnswer(this.describe());
  }

  async unwrap(wrapped: Uint8Array, context: string): Promise<Uint8Array> {
    const { Plaintext } = await this.#ask(({ sdk, client }, signal) =>
      client.send(
        new sdk.DecryptCommand({
          KeyId: this.#settings.key,
          CiphertextBlob: wrapped,
          EncryptionContext: contextOf(context),
        }),
        { abortSignal: signal },
      ),
    );
    return Plaintext ?? missingAnswer(this.describe());
  }

  async #ask<T>(call: (kms: { sdk: Sdk; client: KMSClient }, signal: AbortSignal) => Promise<T>): Promise<T> {
    this.#client ??= this.#open();
    const kms = await this.#client;
    return patiently(this.#patience, async (signal) => {
      try {
        return await call(kms, signal);
      } catch (error) {
        throw failureOf(error, this.describe());
      }
    });
  }

  async #open() {
    const sdk = await this.#load().catch(packageMissing);
    return { sdk, client: new sdk.KMSClient(clientConfig(this.#settings, this.#environment)) };
  }
}

function packageMissing(cause: unknown): never {
  const message = `A store sealed by AWS KMS needs the package ${PACKAGE}, which is not installed; run \`npm install ${PACKAGE}\` beside rekey.`;
  throw new RekeyError('invalid-state', message, { reason: 'package-missing', cause });
}

/** Retries are ours, so that they are the same for every seal. */
function clientConfig(settings: AwsKmsSettings, environment: AwsKmsOptions['environment']): KMSClientConfig {
  const region = regionOf(settings, environment);
  const endpoint = endpointOf(settings, environment, region);
  return {
    region,
    maxAttempts: 1,
    ...(endpoint === null ? {} : { endpoint }),
    ...(settings.profile === null ? {} : { profile: settings.profile }),
  };
}

function regionOf({ key, region }: AwsKmsSettings, environment: AwsKmsOptions['environment']): string {
  const inArn = /^arn:[\w-]+:kms:([\w-]+):/.exec(key)?.[1];
  const found = region ?? inArn ?? environment.AWS_REGION ?? environment.AWS_DEFAULT_REGION;
  if (found !== undefined) return found;
  const message = `The region of the AWS KMS key ${key} is not known; give \`seal.region\` in rekey.yaml, AWS_REGION, or the key's ARN.`;
  throw new RekeyError('invalid-input', message, { reason: 'wrong-use' });
}

/** AWS_ENDPOINT_URL sends every service to one place, and beside rekey that place is rekey: it is not meant for KMS. */
function endpointOf(
  { endpoint }: AwsKmsSettings,
  environment: AwsKmsOptions['environment'],
  region: string,
): string | null {
  if (endpoint !== null) return endpoint;
  if (environment.AWS_ENDPOINT_URL_KMS !== undefined) return environment.AWS_ENDPOINT_URL_KMS;
  if (environment.AWS_ENDPOINT_URL === undefined) return null;
  return `https://kms.${region}.amazonaws.com${region.startsWith('cn-') ? '.cn' : ''}`;
}

function contextOf(context: string): Record<string, string> {
  return { rekey: context };
}

const REFUSED_CREDENTIALS: ReadonlySet<string> = new Set([
  ...['UnrecognizedClientException', 'InvalidSignatureException', 'ExpiredTokenException', 'IncompleteSignature'],
  ...['CredentialsProviderError', 'InvalidClientTokenId', 'MissingAuthenticationToken', 'SignatureDoesNotMatch'],
]);
const PASSING: ReadonlySet<string> = new Set([
  ...['ThrottlingException', 'KMSInternalException', 'DependencyTimeoutException', 'KeyUnavailableException'],
  ...['RequestTimeout', 'ServiceUnavailable', 'InternalFailure', 'LimitExceededException'],
]);

/** KMS's own texts stay out: they name roles and accounts of who asks. */
function failureOf(error: unknown, key: string): RekeyError {
  const { name = 'unknown error', $metadata } = error as { name?: string; $metadata?: { httpStatusCode?: number } };
  const status = $metadata?.httpStatusCode;
  if (name === 'IncorrectKeyException')
    return refusal(
      'decryption-failed',
      'wrong-key',
      `${capital(key)} is not the key of this store; give the one it was sealed with.`,
    );
  if (name === 'InvalidCiphertextException')
    return refusal(
      'integrity',
      'keyring-altered',
      `The keyring in the store was altered, or sealed with another key: ${key} does not open it; restore a backup.`,
    );
  if (REFUSED_CREDENTIALS.has(name))
    return refusal(
      'invalid-state',
      'seal-credentials',
      `AWS KMS refused the credentials of rekey (${name}); give working ones as AWS's tools find them, or \`seal.profile\` in rekey.yaml.`,
    );
  if (name === 'AccessDeniedException')
    return refusal(
      'invalid-state',
      'seal-refused',
      `AWS KMS does not let rekey use ${key}; allow its principal kms:Encrypt and kms:Decrypt.`,
    );
  if (name === 'NotFoundException')
    return refusal('invalid-state', 'seal-key-missing', `${capital(key)} does not exist in that account and region.`);
  if (name === 'DisabledException' || name === 'KMSInvalidStateException')
    return refusal('invalid-state', 'seal-key-disabled', `${capital(key)} is disabled or to be deleted; enable it.`);
  if (PASSING.has(name) || status === undefined || status >= 500 || status === 429)
    return away(`AWS KMS (${key})`, error);
  return refusal(
    'invalid-state',
    'seal-refused',
    `AWS KMS refused to use ${key} (${name}); see that it is a key for encryption.`,
  );
}

function refusal(
  code: 'decryption-failed' | 'integrity' | 'invalid-state',
  reason: string,
  message: string,
): RekeyError {
  return new RekeyError(code, message, { reason });
}

function missingAnswer(key: string): never {
  throw new RekeyError('integrity', `${capital(key)} answered without a content; look what stands at its endpoint.`, {
    reason: 'seal-answer',
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
