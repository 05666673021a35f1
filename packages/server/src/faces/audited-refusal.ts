import type { Caller } from '@rekey/core';
import type { Service } from '../service/service.ts';
import { whoAsks } from '../service/use-case.ts';
import type { FaceRequest } from './face.ts';

/** What is known of a request when it is refused; a face fills it in as it learns it. */
export interface Progress {
  /** As the audit log names it. */
  action: string;
  caller: Caller | null;
  /** From here on the use case has it, and audits it. */
  begun: boolean;
}

export interface RefusalParts {
  readonly service: Pick<Service, 'cases'>;
  /** Audits a request by nobody that could be proven. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

/**
 * What refused a request before its use case had it goes on record here.
 *
 * @returns the error that is to be told: the same, or that it could not be put on record
 */
export async function auditedRefusal(
  { service, refused }: RefusalParts,
  request: FaceRequest,
  { action, caller, begun }: Progress,
  error: unknown,
): Promise<unknown> {
  if (begun) return error;
  try {
    if (caller === null) await refused(request, action, error);
    else await service.cases.refuse({ action, ...whoAsks(caller) }, error);
    return error;
  } catch (failure) {
    return failure;
  }
}
