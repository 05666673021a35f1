import { createHmac, type KeyObject, timingSafeEqual } from 'node:crypto';
import type { BreachTold } from '../../service/breach-told.ts';
import { type FaceRequest, headerOf } from '../face.ts';
import { type BreachWebhook, membersOf, noteOf, notSigned, notUnderstood, parseJson, textOf } from './webhook.ts';

export interface GithubAlertOptions {
  /** The webhook's secret at GitHub. */
  readonly secret: KeyObject;
  /** Base of the API that alerts are fetched from: `https://api.github.com`, or GitHub Enterprise's `…/api/v3`. */
  readonly api: string;
}

const EVENT = 'secret_scanning_alert';
/** Actions after which a secret is out: all others close it, or say more of it. */
const TELLING = new Set(['created', 'reopened', 'publicly_leaked']);
/** No segment may be `.` or `..`: they would lead the path elsewhere. */
const REPOSITORY = /^(?!\.{1,2}\/)[\w.-]{1,100}\/(?!\.{1,2}$)[\w.-]{1,100}$/;

/**
 * GitHub's webhook for secret scanning alerts (docs.github.com, "Webhook events and payloads"). It tells that a secret
 * leaked and not which: the value is fetched later, from the configured API whatever the body says.
 */
export function githubAlertWebhook({ secret, api }: GithubAlertOptions): BreachWebhook {
  return {
    name: 'github-alert',
    source: 'github-alert',
    async read(request) {
      if (!isSigned(request, secret)) throw notSigned();
      if (headerOf(request, 'x-github-event') !== EVENT) return [];
      const { action, alert, repository } = membersOf(parseJson(textOf(request)));
      return typeof action === 'string' && TELLING.has(action) ? [toldOf(alert, repository, api)] : [];
    },
  };
}

function toldOf(alert: unknown, repository: unknown, api: string): BreachTold {
  const { number, secret_type: type, html_url: url } = membersOf(alert);
  const { full_name: name } = membersOf(repository);
  if (!Number.isSafeInteger(number) || (number as number) < 1) throw notUnderstood('names no alert by its number');
  if (typeof name !== 'string' || !REPOSITORY.test(name)) throw notUnderstood('names no repository');
  return { fetch: { api, repository: name, number: number as number }, note: noteOf(type, url) };
}

function isSigned(request: FaceRequest, secret: KeyObject): boolean {
  const [, given = ''] = /^sha256=([0-9a-f]{64})$/.exec(headerOf(request, 'x-hub-signature-256') ?? '') ?? [];
  const expected = createHmac('sha256', secret).update(request.body).digest();
  const signature = Buffer.from(given, 'hex');
  return signature.length === expected.length && timingSafeEqual(signature, expected);
}
