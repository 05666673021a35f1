import { createSecretKey } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { messageOf, RekeyError } from '@rekey/core';
import type { BreachWebhooksConfig } from '../config/breach-config.ts';
import type { FetchLeaked } from '../engine/breach/breach-work.ts';
import { genericWebhook } from '../faces/breach-webhook/generic.ts';
import { githubAlertWebhook } from '../faces/breach-webhook/github-alert.ts';
import { partnerKeys, publicKey } from '../faces/breach-webhook/github-keys.ts';
import { type FindPartnerKey, githubPartnerWebhook } from '../faces/breach-webhook/github-partner.ts';
import type { BreachWebhook } from '../faces/breach-webhook/webhook.ts';
import { readSecret } from './alert-senders.ts';
import { fetchBounded } from './fetch-bounded.ts';

/** How long GitHub may take to tell its keys. Milliseconds. */
const KEYS_TIME = 5_000;

/** The ways in that are configured. @throws RekeyError `invalid-input` for a file that cannot be read, or holds no key */
export function breachWebhooks(config: BreachWebhooksConfig, now: () => number): readonly BreachWebhook[] {
  const { githubPartner, githubAlert, generic } = config;
  const secretOf = (file: string) => createSecretKey(Buffer.from(readSecret(file)));
  return [
    ...(githubPartner === null ? [] : [githubPartnerWebhook(partnerKeyFinder(githubPartner, now))]),
    ...(githubAlert === null
      ? []
      : [githubAlertWebhook({ secret: secretOf(githubAlert.secretFile), api: githubAlert.api })]),
    ...generic.map(({ name, secretFile }) => genericWebhook({ name, secret: secretOf(secretFile), now })),
  ];
}

/** Keys named in files stand for themselves: then GitHub is not asked. */
function partnerKeyFinder(
  { keysUrl, keyFiles }: NonNullable<BreachWebhooksConfig['githubPartner']>,
  now: () => number,
): FindPartnerKey {
  const files = Object.entries(keyFiles);
  if (files.length === 0) return partnerKeys({ fetchKeys: () => fetchKeys(keysUrl), now });
  const keys = new Map(files.map(([identifier, file]) => [identifier, readKey(file)]));
  return async (identifier) => keys.get(identifier) ?? null;
}

async function fetchKeys(url: string): Promise<string> {
  const { status, text } = await fetchBounded(url, { token: null, signal: AbortSignal.timeout(KEYS_TIME) });
  if (status !== 200) throw new Error(`${new URL(url).host} answered with status ${status}`);
  return text;
}

function readKey(file: string) {
  const key = publicKey(readText(file));
  if (key !== null) return key;
  throw new RekeyError('invalid-input', `${file} holds no public key for P-256 in PEM.`, { reason: 'wrong-use' });
}

/** Fetches what GitHub's alerts only tell of, from the configured API alone, whatever an alert says. */
export function leakedFetcher({ githubAlert }: BreachWebhooksConfig): FetchLeaked {
  return async ({ api, repository, number }, signal) => {
    if (githubAlert === null || api !== githubAlert.api)
      throw new RekeyError('invalid-state', `Nothing is configured to be fetched from ${api} (any more).`);
    const url = `${api}/repos/${repository}/secret-scanning/alerts/${number}`;
    const token = readText(githubAlert.tokenFile).trim();
    const { status, text } = await fetchBounded(url, { token, signal }).catch((error: unknown) => {
      throw new RekeyError(
        'unavailable',
        `The alert could not be fetched from ${new URL(api).host}: ${messageOf(error)}.`,
      );
    });
    if (status === 200) return secretIn(text);
    const sentence = `${new URL(api).host} answered ${status} when alert ${number} of ${repository} was fetched`;
    if (status === 401 || status === 404)
      throw new RekeyError('not-found', `${sentence}: its token must be valid and may read secret scanning alerts.`);
    throw new RekeyError('unavailable', `${sentence}.`);
  };
}

function secretIn(text: string): string {
  let secret: unknown;
  try {
    ({ secret } = JSON.parse(text) as { secret?: unknown });
  } catch {
    secret = null;
  }
  if (typeof secret === 'string' && secret !== '') return secret;
  throw new RekeyError('invalid-state', 'GitHub answered without the secret of the alert.', { reason: 'alert-form' });
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    throw new RekeyError('invalid-input', `cannot read ${file}: ${code ?? 'unknown error'}.`, { reason: 'wrong-use' });
  }
}

/** How much is taken of one sender, and of all. */
export function webhookRates({ perSource, overall }: BreachWebhooksConfig) {
  return { perSource: { perMinute: perSource }, overall: { perMinute: overall } };
}
