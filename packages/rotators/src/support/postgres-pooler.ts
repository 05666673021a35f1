import { type RotationSettings, RotatorError } from '@rekey/core';

/** Address of the pooler that the setting `via` names: `host:port`, IPv6 in brackets; null for none. */
export function poolerOf({ via }: RotationSettings): { readonly host: string; readonly port: number } | null {
  if (via === null) return null;
  const [, bracketed, plain, digits] = /^(?:\[([0-9a-fA-F:.]+)\]|([^\s:[\]]+)):(\d{1,5})$/.exec(via) ?? [];
  const host = bracketed ?? plain;
  const port = Number(digits);
  if (host !== undefined && port >= 1 && port <= 65_535) return { host, port };
  throw new RotatorError('rejected-form', `The setting via (${via}) is not host:port`, {
    nextAction: 'Write it as pooler.example.com:6432 or [::1]:6432.',
  });
}
