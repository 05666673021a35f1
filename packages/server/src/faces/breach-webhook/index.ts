import { type Caller, type Principal, RekeyError } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { Face, FaceRequest, FaceResponse } from '../face.ts';
import { RateGate, type RateLimit } from './rate.ts';
import type { BreachWebhook } from './webhook.ts';

export interface BreachWebhookFaceDeps {
  readonly service: Pick<Service, 'breachTellings'>;
  /** Those configured; none: the face answers that there is none. */
  readonly webhooks: readonly BreachWebhook[];
  /** Requests of one sender's address, whatever it sends; and values in all that is signed. */
  readonly rates: { readonly perSource: RateLimit; readonly overall: RateLimit };
  readonly now: () => number;
  /** Audits a request that was refused before it was known whose it is. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

const PREFIX = '/breach/';
const ACTION = 'rekey:ReportBreachByWebhook';
/** Bytes. */
const LARGEST = 256 * 1024;
/** The same whatever is known of what was told: the answer must not say whether a value is a live secret. */
const TAKEN = JSON.stringify({ accepted: true });

/**
 * Takes word of leaked values from others: `POST /breach/<webhook>`, signed. What is taken is durable, and looked into
 * afterwards, so that neither the answer nor the time it takes tells anything.
 */
export function breachWebhookFace(deps: BreachWebhookFaceDeps): Face {
  const sources = new RateGate(deps.rates.perSource);
  const overall = new RateGate(deps.rates.overall);
  const byName = new Map(deps.webhooks.map((webhook) => [webhook.name, webhook]));
  return {
    name: 'breach-webhook',
    owns: (request) => request.path.startsWith(PREFIX),
    async handle(request) {
      try {
        refuse(sources.take(request.remoteAddress, deps.now()));
        const webhook = byName.get(request.path.slice(PREFIX.length));
        if (webhook === undefined)
          throw new RekeyError('not-found', 'There is no such webhook.', { reason: 'no-webhook' });
        if (request.method !== 'POST')
          throw new RekeyError('invalid-input', 'A webhook is sent by POST.', { reason: 'method-not-allowed' });
        if (request.body.length > LARGEST) throw tooLarge();
        const told = await webhook.read(request);
        refuse(overall.take('all', deps.now(), told.length));
        await deps.service.breachTellings.tell(callerOf(request, webhook), webhook, told);
        return answer(202, TAKEN, request);
      } catch (error) {
        return refusal(error, request, deps);
      }
    },
  };
}

function refuse(waitSeconds: number | null): void {
  if (waitSeconds === null) return;
  throw new RekeyError('limit-exceeded', 'Too many webhooks; send it again later.', {
    reason: 'webhook-rate',
    facts: { retryAfter: String(waitSeconds) },
  });
}

const STATUS: Readonly<Partial<Record<RekeyError['code'], number>>> = {
  'not-found': 404,
  'invalid-input': 400,
  unauthenticated: 401,
  'limit-exceeded': 429,
  unavailable: 503,
  'storage-full': 503,
};

async function refusal(error: unknown, request: FaceRequest, deps: BreachWebhookFaceDeps): Promise<FaceResponse> {
  const known = error instanceof RekeyError ? error : null;
  const status = known?.reason === 'webhook-large' ? 413 : (STATUS[known?.code ?? 'bug'] ?? 500);
  const message = status === 500 || known === null ? 'rekey failed; its log says more.' : known.message;
  const isAudited = known !== null && ['unauthenticated', 'invalid-input'].includes(known.code);
  if (isAudited && !(await isOnRecord(request, error, deps)))
    return answer(503, say('The audit log cannot be written.'), request);
  const wait = known?.facts.retryAfter;
  const refused = answer(status, say(message), request, wait === undefined ? {} : { 'retry-after': wait });
  return status >= 500 ? { ...refused, failure: error } : refused;
}

async function isOnRecord(request: FaceRequest, error: unknown, deps: BreachWebhookFaceDeps): Promise<boolean> {
  return deps.refused(request, ACTION, error).then(
    () => true,
    () => false,
  );
}

function say(message: string): string {
  return JSON.stringify({ error: { message } });
}

function answer(
  status: number,
  body: string,
  { id }: FaceRequest,
  headers: Readonly<Record<string, string>> = {},
): FaceResponse {
  const plain = { 'content-type': 'application/json; charset=utf-8', 'cache-control': 'no-store', 'x-request-id': id };
  return { status, headers: { ...plain, ...headers }, body };
}

/** Nobody of ours: who may tell is configured, and proven by the signature. */
function callerOf(request: FaceRequest, { name }: BreachWebhook): Caller {
  const principal: Principal = {
    ...{ kind: 'engine', arn: `rekey-webhook/${name}`, accountId: '', id: name, name: null },
    ...{ role: null, tags: [], session: null },
  };
  const { remoteAddress: address, secure, id: requestId } = request;
  return { principal, accessKeyId: null, address, secure, userAgent: null, face: 'breach-webhook', requestId };
}

function tooLarge(): RekeyError {
  return new RekeyError('invalid-input', `A webhook has at most ${LARGEST} bytes.`, { reason: 'webhook-large' });
}
