import { messageOf, RekeyError, RotatorError, type RotatorErrorClass, redactor, secretStrings } from '@rekey/core';

/** The secret strings one call has seen, so that nothing that leaves the call can carry them. */
export class KnownSecrets {
  readonly #values = new Set<string>();

  /** Remembers the text of a value and returns it. */
  add<T extends string | null>(text: T): T {
    if (text !== null) this.#values.add(text);
    return text;
  }

  /** No form of a secret is shorter than the secret: most texts are too short for any, and making the forms is costly. */
  scrub(text: string): string {
    const possible = new Set<string>();
    for (const value of this.#values)
      for (const secret of secretStrings(value)) if (secret.length <= text.length) possible.add(secret);
    return possible.size === 0 ? text : redactor(possible)(text);
  }

  /** Any failure as a {@link RotatorError} without secrets; the cause stays behind, drivers keep credentials there. */
  clean(error: unknown): RotatorError {
    const nextAction = error instanceof RotatorError ? error.nextAction : null;
    const observedFence = error instanceof RotatorError ? error.observedFence : null;
    return new RotatorError(classOf(error), this.scrub(messageOf(error)), {
      ...(nextAction === null ? {} : { nextAction: this.scrub(nextAction) }),
      ...(observedFence === null ? {} : { observedFence }),
      refusedAdmin: error instanceof RotatorError && error.refusedAdmin,
    });
  }
}

function classOf(error: unknown): RotatorErrorClass {
  if (error instanceof RotatorError) return error.class;
  if (!(error instanceof RekeyError)) return 'bug';
  if (error.code === 'conflict') return 'conflict';
  return error.retryable ? 'unreachable' : 'bug';
}
