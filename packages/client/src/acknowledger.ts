import { asClientError } from './errors.ts';

/** What a secret's holder tells the server. */
export interface Acknowledgement {
  /** Name or ARN. */
  readonly SecretId: string;
  /** The oldest version that is still in use here; null when none is any more. */
  readonly versionId: string | null;
  /** What this process calls itself for this secret: letters, digits and `_.:@/+-`, at most 128. */
  readonly instance: string;
  /** How soon it means to say so again, in milliseconds. */
  readonly every: number;
}

export interface AcknowledgerOptions {
  /** @returns false if the server takes no acknowledgements. */
  readonly send: (acknowledgement: Acknowledgement) => Promise<boolean>;
  readonly secretId: string;
  readonly instance: string;
  readonly every: number;
  readonly versionId: () => string | null;
}

/** Answers that no repetition changes: no permission, no such path or secret, not understood. */
const FINAL = new Set([400, 401, 403, 404, 405]);

/**
 * Tells the server which version is in use, one message at a time and always the latest. What fails is said again with the
 * next re-read: an acknowledgement that is late makes the server wait, one that is wrong would make it cut somebody off.
 */
export class Acknowledger {
  readonly #options: AcknowledgerOptions;
  #sending: Promise<void> | null = null;
  #again = false;
  #told: string | null = null;
  #refused = false;
  #released = false;

  constructor(options: AcknowledgerOptions) {
    this.#options = options;
  }

  /** Says which version is in use. */
  tell(): void {
    if (this.#refused || this.#released) return;
    this.#again = true;
    if (this.#sending === null) this.#start();
  }

  /** Says so only if it is another version than was said last. */
  tellChange(): void {
    if (this.#options.versionId() !== this.#told) this.tell();
  }

  /** Says that none is in use any more, if anything was said before; never fails. */
  async release(): Promise<void> {
    this.#released = true;
    await this.#sending;
    if (this.#told === null || this.#refused) return;
    await this.#say(null);
  }

  #start(): void {
    this.#sending = this.#send().finally(() => {
      this.#sending = null;
      if (this.#again && !this.#refused && !this.#released) this.#start();
    });
  }

  async #send(): Promise<void> {
    while (this.#again && !this.#refused && !this.#released) {
      this.#again = false;
      const versionId = this.#options.versionId();
      if (versionId !== null) await this.#say(versionId);
    }
  }

  async #say(versionId: string | null): Promise<void> {
    const { send, secretId: SecretId, instance, every } = this.#options;
    try {
      if (await send({ SecretId, versionId, instance, every })) this.#told = versionId;
    } catch (error) {
      const { status } = asClientError(error, 'Acknowledging failed');
      this.#refused = status !== null && FINAL.has(status);
    }
  }
}
