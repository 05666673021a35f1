/**
 * Where rekey's own log lines go; a pino logger is one. The object carries names, ids and numbers for machines, the
 * message one sentence for people. Neither ever carries a secret value.
 */
export interface Logger {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

const ignore = (): void => {};

/** Says nothing; for libraries that were given no logger, and for tests. */
export const silentLogger: Logger = { debug: ignore, info: ignore, warn: ignore, error: ignore };
