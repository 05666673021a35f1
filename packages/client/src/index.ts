export type { Acknowledgement } from './acknowledger.ts';
export type { ChangesAnswer, ChangesRequest } from './change-watch.ts';
export { SecretsClient, type SecretsClientOptions, type ValueSelector } from './client.ts';
export { type Clock, systemClock } from './clock.ts';
export { type CredentialSource, credentialsFromEnvironment } from './credentials.ts';
export type { RandomNumber } from './delays.ts';
export type { Environment } from './environment.ts';
export { type ClientFailureCode, RekeyClientError, type RekeyClientErrorOptions } from './errors.ts';
export {
  type ReadVersion,
  type RereadRequest,
  RotatingSecret,
  type RotatingSecretOptions,
  type ValueSource,
} from './rotating-secret.ts';
export type { DescribeSecretAnswer, SecretValueAnswer } from './secret-answers.ts';
export { asFields, asText, type SecretContent, type SecretFields } from './secret-form.ts';
export { type Credentials, type SigningScope, signRequest, type UnsignedRequest } from './signature.ts';
export type { Fetch, FetchInit } from './transport.ts';
export type { VersionUser } from './versions-in-use.ts';
