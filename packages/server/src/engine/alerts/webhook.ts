import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import { RekeyError } from '@rekey/core';
import type { Sender } from './sender.ts';

/** Header of every webhook: `t=<seconds since the epoch>,v1=<hex HMAC-SHA256 of "<t>.<body>">`. */
export const SIGNATURE_HEADER = 'rekey-signature';
/** A receiver should refuse what is signed longer ago than this: it may be a replay. Seconds. */
export const SIGNATURE_TOLERANCE = 300;

export interface WebhookOptions {
  /** Stable and telling nothing: addresses of webhooks often hold a token. */
  readonly name: string;
  readonly url: string;
  /** Shared with the receiver. */
  readonly secret: KeyObject;
  readonly fetch: typeof fetch;
  readonly now: () => number;
}

/**
 * Posts alerts as JSON with a signature (see {@link SIGNATURE_HEADER}). Redirects are not followed: the receiver is
 * who was configured. Any answer from 200 to 299 means taken. Errors name the host, never path or query.
 *
 * @throws RekeyError `invalid-input`, reason `webhook-url`, for what is no http(s) address
 */
export function webhookSender({ name, url, secret, fetch, now }: WebhookOptions): Sender {
  const host = hostOf(url);
  return {
    name,
    async send(payload, signal) {
      const body = JSON.stringify(payload);
      const headers = {
        'content-type': 'application/json',
        [SIGNATURE_HEADER]: signWebhook(body, secret, Math.floor(now() / 1_000)),
      };
      const status = await post(() => fetch(url, { method: 'POST', headers, body, redirect: 'manual', signal }), host);
      if (status < 200 || status > 299)
        throw new RekeyError('unavailable', `The webhook at ${host} answered ${status || 'with a redirect'}.`, {
          reason: 'webhook-refused',
        });
    },
  };
}

/**
 * The value of {@link SIGNATURE_HEADER}. The time is signed with the body, so that an old message cannot be sent again.
 *
 * @param seconds since the epoch
 */
export function signWebhook(body: string, secret: KeyObject, seconds: number): string {
  return `t=${seconds},v1=${mac(body, secret, seconds).toString('hex')}`;
}

/** What a receiver does: true if the secret's owner signed this body, not longer ago than the tolerance. */
export function verifyWebhook(body: string, header: string, secret: KeyObject, seconds: number): boolean {
  const match = /^t=([0-9]{1,12}),v1=([0-9a-f]{64})$/.exec(header);
  if (match === null || Math.abs(seconds - Number(match[1])) > SIGNATURE_TOLERANCE) return false;
  return timingSafeEqual(Buffer.from(match[2]!, 'hex'), mac(body, secret, Number(match[1])));
}

function mac(body: string, secret: KeyObject, seconds: number): Buffer {
  return createHmac('sha256', secret).update(`${seconds}.`).update(body).digest();
}

async function post(request: () => Promise<Response>, host: string): Promise<number> {
  try {
    const response = await request();
    await response.body?.cancel();
    return response.status;
  } catch {
    // What fetch throws may hold the whole address.
    throw new RekeyError('unavailable', `The webhook at ${host} could not be reached.`, {
      reason: 'webhook-unreachable',
    });
  }
}

function hostOf(url: string): string {
  const parsed = URL.canParse(url) ? new URL(url) : null;
  if (parsed?.protocol === 'http:' || parsed?.protocol === 'https:') return parsed.host;
  throw new RekeyError('invalid-input', 'The address of a webhook must begin with http:// or https://.', {
    reason: 'webhook-url',
  });
}
