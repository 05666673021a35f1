import { type Caller, RekeyError } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import { auditedRefusal, type Progress } from '../audited-refusal.ts';
import type { Face, FaceRequest, FaceResponse } from '../face.ts';
import { expositionOf, TEXT_FORMAT } from './exposition.ts';

export interface MetricsFaceDeps {
  readonly service: Pick<Service, 'metrics' | 'cases'>;
  /** Proves who asks. @throws RekeyError `unauthenticated` */
  authenticate(request: FaceRequest): Caller | Promise<Caller>;
  /** Audits a request that was refused before it was known whose it is. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

/** `GET /metrics` in the text format of Prometheus: counts and durations, never a name or a value. */
export function metricsFace(deps: MetricsFaceDeps): Face {
  return {
    name: 'metrics',
    owns: (request) => request.path === '/metrics',
    async handle(request) {
      const progress: Progress = { action: 'rekey:ReadMetrics', caller: null, begun: false };
      try {
        return answer(200, expositionOf(await read(request, deps, progress)), request, TEXT_FORMAT);
      } catch (error) {
        return refusal(await auditedRefusal(deps, request, progress, error), request);
      }
    },
  };
}

async function read(request: FaceRequest, { service, authenticate }: MetricsFaceDeps, progress: Progress) {
  const isRead = request.method === 'GET' || request.method === 'HEAD';
  if (service.metrics.isOpen && isRead) {
    progress.begun = true;
    return service.metrics.readOpen();
  }
  progress.caller = await authenticate(request);
  if (!isRead) throw new RekeyError('invalid-input', 'Metrics are read by GET.', { reason: 'method-not-allowed' });
  progress.begun = true;
  return service.metrics.read(progress.caller);
}

const STATUS: Readonly<Partial<Record<RekeyError['code'], number>>> = {
  'invalid-input': 400,
  unauthenticated: 401,
  'not-permitted': 403,
  unavailable: 503,
  'storage-full': 503,
};

function refusal(error: unknown, request: FaceRequest): FaceResponse {
  const known = error instanceof RekeyError ? error : null;
  const status = known?.reason === 'method-not-allowed' ? 405 : (STATUS[known?.code ?? 'bug'] ?? 500);
  const sentence = known === null || status === 500 ? 'rekey failed; its log says more.' : known.message;
  const refused = answer(status, `${sentence}\n`, request, 'text/plain; charset=utf-8');
  if (status === 401) return { ...refused, headers: { ...refused.headers, 'www-authenticate': 'Bearer' } };
  if (status === 405) return { ...refused, headers: { ...refused.headers, allow: 'GET, HEAD' } };
  return status >= 500 ? { ...refused, failure: error } : refused;
}

function answer(status: number, body: string, { id }: FaceRequest, type: string): FaceResponse {
  return { status, headers: { 'content-type': type, 'cache-control': 'no-store', 'x-request-id': id }, body };
}
