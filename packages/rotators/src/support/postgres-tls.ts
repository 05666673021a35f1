import { readFile } from 'node:fs/promises';
import type { ConnectionOptions } from 'node:tls';
import { badMember, type CredentialFields, optionalText } from './credential.ts';

/** How far the server's identity is checked; the words of libpq's `sslmode`. */
export type TlsMode = 'disable' | 'prefer' | 'require' | 'verify-ca' | 'verify-full';

export interface TlsSettings {
  readonly mode: TlsMode;
  /** PEM text, path of a PEM file, or `system`; null for the system's roots. */
  readonly rootCertificate: string | null;
  readonly certificate: string | null;
  readonly key: string | null;
}

const MODES: ReadonlyMap<unknown, TlsMode> = new Map<unknown, TlsMode>([
  [undefined, 'prefer'],
  [null, 'prefer'],
  ['allow', 'prefer'],
  ['prefer', 'prefer'],
  [false, 'disable'],
  ['false', 'disable'],
  ['disable', 'disable'],
  ['require', 'require'],
  ['verify-ca', 'verify-ca'],
  [true, 'verify-full'],
  ['true', 'verify-full'],
  ['verify-full', 'verify-full'],
]);

/**
 * TLS as the secret's member `ssl` (or `sslmode`) asks for it. As in AWS's rotation templates, `true` is verify-full,
 * `false` is none, and absent means TLS where the server offers it; the words of libpq's sslmode are taken too.
 */
export function tlsSettings(fields: CredentialFields): TlsSettings {
  const member = fields.ssl === undefined && fields.sslmode !== undefined ? 'sslmode' : 'ssl';
  const mode = MODES.get(fields[member]);
  if (mode === undefined)
    throw badMember(member, 'is none of true, false, disable, prefer, require, verify-ca, verify-full');
  const rootCertificate = optionalText(fields, 'sslrootcert');
  return {
    mode: mode === 'require' && rootCertificate !== null ? 'verify-ca' : mode,
    rootCertificate,
    certificate: optionalText(fields, 'sslcert'),
    key: optionalText(fields, 'sslkey'),
  };
}

/** Node's TLS options for the settings; null where the connection is to be plain. Reads the named files. */
export async function tlsOptions(settings: TlsSettings): Promise<ConnectionOptions | null> {
  if (settings.mode === 'disable') return null;
  const verifies = settings.mode === 'verify-ca' || settings.mode === 'verify-full';
  const { rootCertificate } = settings;
  return {
    rejectUnauthorized: verifies,
    ...(rootCertificate !== null && rootCertificate !== 'system' && { ca: await pem(rootCertificate, 'sslrootcert') }),
    ...(settings.certificate !== null && { cert: await pem(settings.certificate, 'sslcert') }),
    ...(settings.key !== null && { key: await pem(settings.key, 'sslkey') }),
    ...(settings.mode === 'verify-ca' && { checkServerIdentity: () => undefined }),
  };
}

/** PEM text as it is; anything else is the absolute path of a PEM file. The error names the member, never the content. */
async function pem(text: string, member: string): Promise<string> {
  if (text.includes('-----BEGIN ')) return text;
  if (!/^\/.*\.(pem|crt|cer|key)$/.test(text))
    throw badMember(member, 'is neither PEM text nor the absolute path of a .pem, .crt, .cer or .key file');
  try {
    return await readFile(text, 'utf8');
  } catch {
    throw badMember(member, 'names a file that cannot be read');
  }
}
