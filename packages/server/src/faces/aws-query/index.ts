import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { Visitor } from '../../service/sts/sts.ts';
import { auditedRefusal, type Progress } from '../audited-refusal.ts';
import { type Face, type FaceRequest, type FaceResponse, headerOf } from '../face.ts';
import { queryErrorOf } from './errors.ts';
import { type FormNode, formText, parseForm } from './form.ts';
import type { QueryAnswer, QueryOperation } from './operation.ts';
import { readInput } from './read-input.ts';
import { QueryRefusal } from './refusal.ts';
import { type QueryService, speaksQuery } from './speaks.ts';
import { elements, escapeXml } from './xml.ts';

/** One service that speaks AWS's Query protocol: form-encoded parameters in, XML out. */
export interface QueryFace extends QueryService {
  /** Name of the face. */
  readonly name: string;
  readonly namespace: string;
  /** Asked for with the first request: few servers get any. */
  operations(): Promise<readonly QueryOperation[]>;
}

export interface QueryFaceParts {
  readonly service: Service;
  /** Who signed the request. @throws RekeyError `unauthenticated` for a signature that proves nobody */
  authenticate(request: FaceRequest): Caller | Promise<Caller>;
  /** Audits a request by nobody that could be proven. */
  refused(request: FaceRequest, action: string, error: unknown): Promise<void>;
}

type OperationsByName = ReadonlyMap<string, QueryOperation>;

/** The face of a service that speaks Query. */
export function queryFace(face: QueryFace, parts: QueryFaceParts): Face {
  let loading: Promise<OperationsByName> | null = null;
  const byName = () => {
    loading ??= face.operations().then((operations) => new Map(operations.map((one) => [one.name, one])));
    return loading;
  };
  return {
    name: face.name,
    owns: (request) => speaksQuery(request, face),
    handle: async (request) => {
      const progress: Progress = { action: `${face.service}:Unknown`, caller: null, begun: false };
      try {
        const { operation, answer } = await perform(face, await byName(), parts, request, progress);
        return respond(request.id, 200, answerXml(face.namespace, operation.name, answer, request.id));
      } catch (error) {
        return refusal(face, request, await auditedRefusal(parts, request, progress, error));
      }
    },
    refuseLargeBody: async (request, limitBytes) => {
      const progress: Progress = { action: `${face.service}:Unknown`, caller: null, begun: false };
      return refusal(face, request, await auditedRefusal(parts, request, progress, tooLarge(limitBytes)));
    },
  };
}

async function perform(
  face: QueryFace,
  byName: OperationsByName,
  { service, authenticate }: QueryFaceParts,
  request: FaceRequest,
  progress: Progress,
): Promise<{ operation: QueryOperation; answer: QueryAnswer }> {
  const form = formOf(request);
  const operation = operationOf(face, byName, form);
  progress.action = `${face.service}:${operation.name}`;
  const proven = operation.signed ? authenticate(request) : null;
  const caller = proven instanceof Promise ? await proven : proven;
  progress.caller = caller;
  const input = readInput(form, operation.input);
  progress.begun = true;
  const asker = caller ?? visitorOf(request, face.name);
  return { operation, answer: await operation.run(service, asker as never, input as never) };
}

/** Where a request came from that nobody signed. */
function visitorOf(request: FaceRequest, face: string): Visitor {
  const { remoteAddress: address, secure, id: requestId } = request;
  return { address, secure, userAgent: headerOf(request, 'user-agent'), face, requestId };
}

function formOf({ method, query, body }: FaceRequest): FormNode {
  if (method === 'POST') return parseForm(formText(body));
  if (method === 'GET') return parseForm(query);
  throw new QueryRefusal('InvalidAction', `The method ${method} is not allowed; send GET or POST.`, { status: 405 });
}

function operationOf({ version }: QueryFace, byName: OperationsByName, { below }: FormNode): QueryOperation {
  const action = below.get('Action')?.value;
  if (action === undefined) throw new QueryRefusal('MissingAction', 'The request names no Action.');
  const asked = below.get('Version')?.value ?? version;
  const operation = asked === version ? byName.get(action) : undefined;
  if (operation !== undefined) return operation;
  const text = `Could not find operation ${action.slice(0, 100)} for version ${asked.slice(0, 20)}`;
  throw new QueryRefusal('InvalidAction', text, { message: 'There is no such operation.' });
}

function tooLarge(limitBytes: number): QueryRefusal {
  const text = `The request body must be at most ${limitBytes} bytes long.`;
  return new QueryRefusal('RequestEntityTooLarge', text, { status: 413 });
}

function answerXml(namespace: string, name: string, answer: QueryAnswer, requestId: string): string {
  const result = answer === null ? '' : `<${name}Result>${elements(answer)}</${name}Result>`;
  const metadata = `<ResponseMetadata><RequestId>${escapeXml(requestId)}</RequestId></ResponseMetadata>`;
  return `<${name}Response xmlns="${namespace}">${result}${metadata}</${name}Response>`;
}

function refusal({ namespace }: QueryFace, { id }: FaceRequest, error: unknown): FaceResponse {
  const { code, status, text } = queryErrorOf(error);
  const Type = status < 500 ? 'Sender' : 'Receiver';
  const content = elements({ Error: { Type, Code: code, Message: text }, RequestId: id });
  const answer = respond(id, status, `<ErrorResponse xmlns="${namespace}">${content}</ErrorResponse>`);
  return status < 500 ? answer : { ...answer, failure: error };
}

function respond(requestId: string, status: number, body: string): FaceResponse {
  return { status, headers: { 'content-type': 'text/xml', 'x-amzn-requestid': requestId }, body };
}
