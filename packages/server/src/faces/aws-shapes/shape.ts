/**
 * What a member of a request may look like, as AWS's service model says it: tables, not code. {@link readInput} reads a
 * request by them, and a test compares them with the model member by member.
 */
export type Shape = TextShape | WholeShape | FlagShape | BlobShape | ListShape | StructureShape;

export interface TextShape<T extends string = string> {
  readonly kind: 'text';
  /** UTF-16 units, or bytes of UTF-8 where `bytes` says so. */
  readonly min?: number;
  readonly max?: number;
  readonly bytes?: true;
  /** As the model writes it; the whole text must match. */
  readonly pattern?: string;
  readonly among?: readonly T[];
  /** Never repeated in an error. */
  readonly sensitive?: true;
}

/** A whole number; `integer` has 32 bits, `long` 64 (of which JSON numbers carry 53). */
export interface WholeShape {
  readonly kind: 'integer' | 'long';
  readonly min?: number;
  readonly max?: number;
}

export interface FlagShape {
  readonly kind: 'flag';
}

/** Bytes, base64 in JSON; bounds count bytes. */
export interface BlobShape {
  readonly kind: 'blob';
  readonly min?: number;
  readonly max?: number;
}

export interface ListShape<M extends Shape = Shape> {
  readonly kind: 'list';
  readonly member: M;
  readonly min?: number;
  readonly max?: number;
}

export interface StructureShape<M extends Members = Members> {
  readonly kind: 'structure';
  readonly members: M;
}

export type Members = Readonly<Record<string, Shape & { readonly required?: true }>>;

/** The value that a shape lets through. */
export type ValueOf<S> =
  S extends TextShape<infer T>
    ? T
    : S extends WholeShape
      ? number
      : S extends FlagShape
        ? boolean
        : S extends BlobShape
          ? Uint8Array
          : S extends ListShape<infer M>
            ? readonly ValueOf<M>[]
            : S extends StructureShape<infer M>
              ? InputOf<M>
              : never;

/** A request as read: every member is there, undefined if it was left out and may be. */
export type InputOf<M extends Members> = {
  readonly [K in keyof M]: M[K] extends { readonly required: true } ? ValueOf<M[K]> : ValueOf<M[K]> | undefined;
};

export function text<const R extends Omit<TextShape, 'kind' | 'among'>>(rules: R): TextShape & R {
  return { kind: 'text', ...rules };
}

export function oneOf<const T extends string>(...among: readonly T[]): TextShape<T> {
  return { kind: 'text', among };
}

export function integer(min?: number, max?: number): WholeShape {
  return { kind: 'integer', ...bounds(min, max) };
}

export function long(min?: number, max?: number): WholeShape {
  return { kind: 'long', ...bounds(min, max) };
}

export const flag: FlagShape = { kind: 'flag' };

export function blob(min: number, max: number): BlobShape {
  return { kind: 'blob', min, max };
}

export function list<M extends Shape>(member: M, min?: number, max?: number): ListShape<M> {
  return { kind: 'list', member, ...bounds(min, max) };
}

export function structure<const M extends Members>(members: M): StructureShape<M> {
  return { kind: 'structure', members };
}

export function required<S extends Shape>(shape: S): S & { readonly required: true } {
  return { ...shape, required: true };
}

function bounds(min: number | undefined, max: number | undefined): { readonly min?: number; readonly max?: number } {
  return { ...(min === undefined ? {} : { min }), ...(max === undefined ? {} : { max }) };
}
