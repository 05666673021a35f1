/** What rekey writes into a role's comment: whose rotation wrote last, and what the role is to rekey. */
export interface Mark {
  /** ARN of the secret that rotates the role. */
  readonly secret: string;
  /** Number of the rotation that wrote last: the fence. */
  readonly fence: number;
  /** The role this one is the alternate of; null for an original. */
  readonly alternateOf: string | null;
}

const MARK = / ?\[rekey (\{.*\})\]$/s;

/** The mark in a role's comment; null if there is none, or none that rekey could have written. */
export function markIn(comment: string | null): Mark | null {
  const json = MARK.exec(comment ?? '')?.[1];
  return json === undefined ? null : parseMark(json);
}

/** The comment with the mark put in place of the one before; what people wrote stays. */
export function withMark(comment: string | null, mark: Mark): string {
  const words = markIn(comment) === null ? (comment ?? '') : (comment ?? '').replace(MARK, '');
  const { secret, fence, alternateOf } = mark;
  const json = JSON.stringify({ secret, fence, ...(alternateOf !== null && { alternateOf }) });
  return `${words}${words === '' ? '' : ' '}[rekey ${json}]`;
}

/**
 * Whether a write is allowed by the mark found. `foreign` and `unmarked` are overcome by proof that the secret's own
 * credential logs in; a newer number never is.
 */
export type Standing =
  | { readonly kind: 'ours' | 'unmarked' }
  | { readonly kind: 'foreign'; readonly secret: string }
  | { readonly kind: 'superseded'; readonly fence: number };

export function standingOf(mark: Mark | null, secret: string, fence: number): Standing {
  if (mark === null) return { kind: 'unmarked' };
  if (mark.secret !== secret) return { kind: 'foreign', secret: mark.secret };
  return mark.fence > fence ? { kind: 'superseded', fence: mark.fence } : { kind: 'ours' };
}

function parseMark(json: string): Mark | null {
  try {
    const { secret, fence, alternateOf = null } = JSON.parse(json) as Partial<Mark>;
    const sound = typeof secret === 'string' && Number.isSafeInteger(fence);
    return sound && (alternateOf === null || typeof alternateOf === 'string')
      ? { secret, fence: fence as number, alternateOf }
      : null;
  } catch {
    return null;
  }
}
