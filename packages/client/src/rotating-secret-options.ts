import type { Acknowledgement } from './acknowledger.ts';
import type { ChangesAnswer, ChangesRequest } from './change-watch.ts';
import type { Clock } from './clock.ts';
import type { RandomNumber } from './delays.ts';
import type { RekeyClientError } from './errors.ts';
import type { SecretValueAnswer } from './secret-answers.ts';
import type { SecretContent } from './secret-form.ts';

/** Reads current values: a {@link SecretsClient}, or the `SecretsManager` of the AWS SDK for JavaScript. */
export interface ValueSource {
  getSecretValue(selector: { SecretId: string }): Promise<SecretValueAnswer>;
  /** Tells the server which version is in use; false if it takes no such word. Only rekey's own client has it. */
  acknowledge?(acknowledgement: Acknowledgement): Promise<boolean>;
  /** Waits for new versions; null if the server has no stream of changes. Only rekey's own client has it. */
  changes?(request: ChangesRequest): Promise<ChangesAnswer | null>;
}

/** Options of {@link RotatingSecret.open}. All times in milliseconds. */
export interface RotatingSecretOptions<T> {
  /** Name or ARN. */
  readonly secretId: string;
  /** Default: a {@link SecretsClient} configured by the environment. */
  readonly client?: ValueSource | undefined;
  /** Reads the content of a version once; default {@link asFields}, a JSON object. What it throws is not shown: it may quote the content. */
  readonly parse?: ((content: SecretContent) => T) | undefined;
  /** The value is read again before it is this old. Default 5 minutes: shorter costs reads, longer leans on refused logins to notice a rotation. */
  readonly maxAge?: number | undefined;
  /** While the server is away the last value is served until it is this old. Default 24 hours: longer survives a longer outage, shorter bounds how long a withdrawn value is used. */
  readonly maxStale?: number | undefined;
  /** How long a refused login waits for a newer version. Default 10 seconds: longer outlasts a slow switch of the single-user strategy, shorter tells of a truly wrong password sooner. */
  readonly refusalBudget?: number | undefined;
  /** Tells a rekey server which version is in use here, so that the old one is not retired before. Default true; AWS is never sent anything. */
  readonly acknowledge?: boolean | undefined;
  /** What this process is called among the holders of the secret: letters, digits and `_.:@/+-`, at most 128. Default: host name, process id and a random part. */
  readonly instance?: string | undefined;
  /** Listens to a rekey server's stream of changes and re-reads within a second of a promotion. Default false: it keeps one request open. */
  readonly listen?: boolean | undefined;
  /** Told of what goes wrong in the background: a re-read that failed, a listener that threw. Default: a process warning for the first of a row. */
  readonly onTrouble?: ((trouble: RekeyClientError) => void) | undefined;
  readonly clock?: Clock | undefined;
  readonly random?: RandomNumber | undefined;
}

/** Why and for how long to read again. */
export interface RereadRequest {
  /** The target refused the value. */
  readonly because: 'authentication-error';
  /** The version that was refused; if another one is current already, it is given at once. */
  readonly ifVersion: string;
  /** Milliseconds. Default: `refusalBudget`. */
  readonly budget?: number | undefined;
  /** Ends the wait early. */
  readonly signal?: AbortSignal | undefined;
}
