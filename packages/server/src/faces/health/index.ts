import type { Face, FaceResponse } from '../face.ts';

export interface HealthFaceDeps {
  isReady(): boolean;
  /** How old answers may be while the store cannot be reached; null while it can. Milliseconds. */
  staleAge?(): number | null;
}

/**
 * `GET /healthz`: 200 once the server answers requests. Says nothing a stranger could use, needs no credential and is
 * not audited: load balancers ask every second.
 */
export function healthFace({ isReady, staleAge = () => null }: HealthFaceDeps): Face {
  return {
    name: 'health',
    owns: (request) => request.path === '/healthz',
    async handle(request): Promise<FaceResponse> {
      if (request.method !== 'GET' && request.method !== 'HEAD') return answer(405, 'method not allowed');
      if (!isReady()) return answer(503, 'starting or stopping');
      const age = staleAge();
      return answer(
        200,
        age === null ? 'ok' : `ok, without the store: answers are up to ${Math.ceil(age / 1000)} s old`,
      );
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
