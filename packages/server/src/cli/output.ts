import type { RekeyClientError } from '@rekey/client';
import { messageOf, RekeyError } from '@rekey/core';

/** Exit codes of every command (docs: "Exit code 0 success, 1 failure, 2 wrong use"). */
export const EXIT = { success: 0, failure: 1, wrongUse: 2 } as const;

/** Where a command prints: results to standard output, everything else to standard error. */
export interface Output {
  readonly json: boolean;
  readonly terminal: boolean;
  /** The result: one JSON document with `--json`, else the human text. */
  result(data: unknown, human: () => string): void;
  /** What happens meanwhile; silent with `--json`. */
  progress(text: string): void;
}

interface Streams {
  readonly out: NodeJS.WriteStream;
  readonly err: NodeJS.WriteStream;
}
const STANDARD: Streams = { out: process.stdout, err: process.stderr };

/** Streams that hold a document already: whoever reads one has to find one, and nothing after it. */
const answered = new WeakSet<NodeJS.WriteStream>();

export function createOutput(json: boolean, streams: Streams = STANDARD): Output {
  return {
    json,
    terminal: streams.out.isTTY === true,
    result(data, human) {
      const text = json ? JSON.stringify(data, null, streams.out.isTTY ? 2 : 0) : human();
      if (text !== '') streams.out.write(`${text}\n`);
      if (json) answered.add(streams.out);
    },
    progress(text) {
      if (!json) streams.err.write(`${text}\n`);
    },
  };
}

/**
 * The sentence and the exit code for whatever went wrong; with `--json` a document on standard output as well, unless a
 * result that tells of it (a report in which somebody has to act) is there already.
 */
export function reportFailure(error: unknown, json: boolean, streams: Streams = STANDARD): number {
  const reason = reasonOf(error);
  const message = messageOf(error);
  if (json && !answered.has(streams.out)) streams.out.write(`${JSON.stringify({ error: { reason, message } })}\n`);
  streams.err.write(`rekey: ${message}\n`);
  return WRONG_USE.has(reason) ? EXIT.wrongUse : EXIT.failure;
}

/** Ours, and what servers answer to input that cannot be meant. */
const WRONG_USE: ReadonlySet<string> = new Set([
  ...['wrong-use', 'invalid-input', 'InvalidParameterException', 'ValidationException'],
]);

/** Which rule failed: ours, or the code that the server answered. */
function reasonOf(error: unknown): string {
  if (error instanceof RekeyError) return error.reason;
  return isClientError(error) ? error.code : 'failure';
}

/** By its name: to know it by its class would load the whole client for `serve` too. */
function isClientError(error: unknown): error is RekeyClientError {
  return error instanceof Error && error.name === 'RekeyClientError';
}

export function wrongUse(message: string): RekeyError {
  return new RekeyError('invalid-input', message, { reason: 'wrong-use' });
}

/** `1 secret`, `2 secrets`. */
export function counted(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}

/** Rows as aligned columns; the first row is the heading. */
export function table(rows: readonly (readonly string[])[]): string {
  const widths = (rows[0] ?? []).map((_, column) =>
    Math.max(...rows.map((row) => printable(row[column] ?? '').length)),
  );
  return rows
    .map((row) =>
      row
        .map((cell, column) => printable(cell).padEnd(widths[column] ?? 0))
        .join('  ')
        .trimEnd(),
    )
    .join('\n');
}

/** Control characters (escape sequences in a name, say) and what turns the direction of a line never reach the terminal. */
export function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Bidi_Control}\p{Zl}\p{Zp}]/gu, '?');
}

/** `3 m ago`, `in 2 h`: coarse on purpose. */
export function relativeTime(at: number | null | undefined, now: number): string {
  if (at === null || at === undefined) return 'never';
  const distance = Math.abs(at - now);
  const text =
    distance < 90_000
      ? `${Math.round(distance / 1000)} s`
      : distance < 5_400_000
        ? `${Math.round(distance / 60_000)} min`
        : distance < 172_800_000
          ? `${Math.round(distance / 3_600_000)} h`
          : `${Math.round(distance / 86_400_000)} d`;
  return at > now ? `in ${text}` : `${text} ago`;
}
