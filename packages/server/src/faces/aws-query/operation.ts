import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { Visitor } from '../../service/sts/sts.ts';
import type { InputOf, Members, StructureShape } from '../aws-shapes/shape.ts';
import type { XmlMembers } from './xml.ts';

/** What an operation answers; null for those that have no output at all. */
export type QueryAnswer = XmlMembers | null;

/** One operation of a Query protocol: its input by table, then what it asks of the use cases and how it answers. */
export interface QueryOperation {
  readonly name: string;
  readonly input: StructureShape;
  /** Whether the request must be signed; else what it carries is the proof, and nobody is known when it runs. */
  readonly signed: boolean;
  run(service: Service, asker: never, input: never): Promise<QueryAnswer>;
}

export function operation<const M extends Members>(
  name: string,
  input: StructureShape<M>,
  run: (service: Service, caller: Caller, input: InputOf<M>) => Promise<QueryAnswer>,
): QueryOperation {
  return { name, input, signed: true, run };
}

export function unsignedOperation<const M extends Members>(
  name: string,
  input: StructureShape<M>,
  run: (service: Service, visitor: Visitor, input: InputOf<M>) => Promise<QueryAnswer>,
): QueryOperation {
  return { name, input, signed: false, run };
}
