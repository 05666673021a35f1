import type { Caller } from '@rekey/core';
import type { Service } from '../../service/service.ts';
import type { InputOf, StructureShape } from '../aws-shapes/shape.ts';
import { INPUTS, type OperationName } from './inputs.ts';

/** What an operation answers; null for those that have no output at all. */
export type Answer = object | null;

export type InputTo<N extends OperationName> = (typeof INPUTS)[N] extends StructureShape<infer M> ? InputOf<M> : never;

/**
 * One operation of the protocol: its input by table, then two steps. `read` turns what the wire says into what a use
 * case asks, and refuses what contradicts itself, before anything is looked up; `run` asks the use case and words the
 * answer.
 */
export interface Operation {
  readonly name: OperationName;
  readonly input: StructureShape;
  read(input: never): unknown;
  run(service: Service, caller: Caller, request: never): Promise<Answer>;
}

export function operation<N extends OperationName, R>(parts: {
  readonly name: N;
  read(input: InputTo<N>): R;
  run(service: Service, caller: Caller, request: R): Promise<Answer>;
}): Operation {
  return { ...parts, input: INPUTS[parts.name] } as Operation;
}
