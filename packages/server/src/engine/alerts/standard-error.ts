import type { Sender } from './sender.ts';

/** Name of the sender that is always there. */
export const STANDARD_ERROR = 'standard-error';

/**
 * Writes each alert as one line for whoever watches the terminal or the journal.
 *
 * @param write takes a whole line with its newline; `process.stderr.write` bound to its stream
 */
export function standardErrorSender(write: (line: string) => void): Sender {
  return {
    name: STANDARD_ERROR,
    async send(payload) {
      write(`rekey alert: ${printable(String(payload.text))} [${printable(String(payload.kind))}]\n`);
    },
  };
}

/** Texts come from targets too: no line breaks, no terminal controls, nothing that reorders what is read. */
function printable(text: string): string {
  return text.replace(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]+/gu, ' ');
}
