import type { Face, FaceResponse } from '../face.ts';

/**
 * `GET /healthz`: 200 once the server answers requests. Says nothing a stranger could use, needs no credential and is
 * not audited: load balancers ask every second.
 */
export function healthFace(isReady: () => boolean): Face {
  return {
    name: 'health',
    owns: (request) => request.path === '/healthz',
    async handle(request): Promise<FaceResponse> {
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'method not allowed');
      return isReady() ? answer(200, 'ok') : answer(503, 'starting or stopping');
    },
  };
}

function answer(status: number, text: string): FaceResponse {
  return {
    status,
    headers: { 'content-type': 'text/plain; charset=utf-8', 'cache-control': 'no-store' },
    body: `${text}\n`,
  };
}
