/** One way for a message to leave the house. */
export interface Sender {
  /** Stable across restarts: outbox records name it. */
  readonly name: string;
  /**
   * Resolves when the receiver has taken the message; it may get it twice and tells by the payload's `id`. Rejects in
   * one sentence without secrets, and gives up when the signal aborts.
   */
  send(payload: Readonly<Record<string, unknown>>, signal: AbortSignal): Promise<void>;
}
