import type { Clock } from './clock.ts';
import type { Environment } from './environment.ts';
import { RekeyClientError } from './errors.ts';
import { readProfile } from './profile-file.ts';
import type { Credentials } from './signature.ts';

/**
 * Where credentials come from: themselves, or a function that fetches them. Any credential provider of the AWS SDK for
 * JavaScript is one (`fromNodeProviderChain()` brings containers, instance metadata, SSO and web identity).
 */
export type CredentialSource = Credentials | (() => Promise<Credentials>);

/** Fetch again this long before the end, so that no request is signed with credentials that end on the way. */
const RENEW_BEFORE_END = 60_000;

/**
 * Credentials as AWS's tools find them: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY` and `AWS_SESSION_TOKEN`; else
 * the profile `AWS_PROFILE` (or `default`) of the shared files. Read at each request, so that a changed file counts.
 *
 * Containers, instance metadata, SSO, assumed roles and `credential_process` are left to provider functions.
 */
export function credentialsFromEnvironment(environment: Environment = process.env): () => Promise<Credentials> {
  return async () => fromVariables(environment) ?? fromProfile(await readProfile(environment), environment);
}

/**
 * `REKEY_TOKEN`, where there are no access keys: native calls are then asked as whom all other calls are asked. Keys or a
 * profile that are named but not complete are a mistake to be told, not a reason to act as somebody mightier.
 */
export async function tokenFromEnvironment(environment: Environment): Promise<string | null> {
  const { REKEY_TOKEN: token, AWS_ACCESS_KEY_ID, AWS_SECRET_ACCESS_KEY, AWS_PROFILE } = environment;
  if (!token || AWS_ACCESS_KEY_ID || AWS_SECRET_ACCESS_KEY || AWS_PROFILE) return null;
  const { aws_access_key_id, aws_secret_access_key } = await readProfile(environment);
  return aws_access_key_id || aws_secret_access_key ? null : token;
}

function fromVariables(environment: Environment): Credentials | null {
  const { AWS_ACCESS_KEY_ID: accessKeyId, AWS_SECRET_ACCESS_KEY: secretAccessKey } = environment;
  if (!accessKeyId || !secretAccessKey) return null;
  return withToken({ accessKeyId, secretAccessKey }, environment.AWS_SESSION_TOKEN);
}

function fromProfile(profile: Readonly<Record<string, string>>, environment: Environment): Credentials {
  const { aws_access_key_id: accessKeyId, aws_secret_access_key: secretAccessKey } = profile;
  if (accessKeyId && secretAccessKey) return withToken({ accessKeyId, secretAccessKey }, profile.aws_session_token);
  const name = environment.AWS_PROFILE ?? 'default';
  throw new RekeyClientError(
    'configuration',
    `No credentials: set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, put keys under profile "${name}" of ~/.aws/credentials, or give the client a credentials function.`,
  );
}

function withToken(credentials: Credentials, sessionToken: string | undefined): Credentials {
  return sessionToken ? { ...credentials, sessionToken } : credentials;
}

/** Asks a source for credentials and keeps them while they last; many who ask at once make one fetch. */
export class CredentialKeeper {
  readonly #source: () => Promise<Credentials>;
  readonly #clock: Clock;
  #kept: Credentials | null = null;
  #fetch: Promise<Credentials> | null = null;

  constructor(source: CredentialSource, clock: Clock) {
    this.#source = typeof source === 'function' ? source : async () => source;
    this.#clock = clock;
  }

  async get(): Promise<Credentials> {
    const end = this.#kept?.expiration?.getTime() ?? 0;
    if (this.#kept !== null && this.#clock.now() < end - RENEW_BEFORE_END) return this.#kept;
    this.#fetch ??= this.#source().finally(() => {
      this.#fetch = null;
    });
    this.#kept = await this.#fetch;
    return this.#kept;
  }

  /** Forgets what is kept, because a server refused it. False if there was nothing to forget. */
  forget(): boolean {
    const hadSome = this.#kept !== null;
    this.#kept = null;
    return hadSome;
  }
}
