import type { RotationWish } from '../rotation.ts';

/**
 * What somebody declares: who there shall be, what they may do, and how secrets are rotated. A member that is left out is
 * left as it is; one that is given is the whole of it. Neither access keys nor secret values are ever part of it.
 */
export interface Declaration {
  readonly policies?: Named<DeclaredPolicy>;
  readonly providers?: Named<DeclaredProvider>;
  readonly groups?: Named<DeclaredGroup>;
  readonly users?: Named<DeclaredUser>;
  readonly roles?: Named<DeclaredRole>;
  readonly secrets?: Named<RotationWish>;
}

/** By name (providers: by URL), each once. */
export type Named<T> = ReadonlyMap<string, T>;

/** Policies by name, as objects. */
export type Documents = Readonly<Record<string, Json>>;
export type TagValues = Readonly<Record<string, string>>;

export interface DeclaredPolicy {
  readonly path?: string | undefined;
  readonly document: Json;
  readonly tags?: TagValues | undefined;
}

export interface DeclaredProvider {
  readonly clientIds?: readonly string[] | undefined;
  readonly tags?: TagValues | undefined;
}

/** Managed policies are named by name or ARN. */
export interface DeclaredGroup {
  readonly path?: string | undefined;
  readonly policies?: Documents | undefined;
  readonly attached?: readonly string[] | undefined;
}

export interface DeclaredUser extends DeclaredGroup {
  readonly groups?: readonly string[] | undefined;
  readonly boundary?: string | null | undefined;
  readonly tags?: TagValues | undefined;
}

export interface DeclaredRole extends DeclaredGroup {
  readonly description?: string | undefined;
  readonly trust: Json;
  /** Seconds. */
  readonly maxSession?: number | undefined;
  readonly boundary?: string | null | undefined;
  readonly tags?: TagValues | undefined;
}

/** What JSON can say. */
export type Json = null | boolean | number | string | readonly Json[] | { readonly [member: string]: Json };

/** The same text for the same content, whatever the order of members. */
export function canonical(value: Json | undefined): string {
  return JSON.stringify(value, (_, part: unknown) => {
    if (typeof part !== 'object' || part === null || Array.isArray(part)) return part;
    return Object.fromEntries(Object.entries(part).sort(([one], [other]) => (one < other ? -1 : 1)));
  });
}
