/** One way in: method, path with at most one `:variable` per segment, and what answers it. */
export interface Route<Handler> {
  readonly method: string;
  readonly pattern: string;
  readonly handler: Handler;
}

export type Match<Handler> =
  | { readonly found: 'route'; readonly handler: Handler; readonly variables: Readonly<Record<string, string>> }
  | { readonly found: 'other-methods'; readonly allowed: readonly string[] }
  | { readonly found: 'nothing' };

/**
 * Finds the route for a request line. Segments are decoded after splitting, so that a secret's name with slashes travels
 * as one encoded segment; a segment that does not decode matches nothing.
 */
export function matchRoute<Handler>(routes: readonly Route<Handler>[], method: string, path: string): Match<Handler> {
  const segments = decodeSegments(path);
  if (segments === null) return { found: 'nothing' };
  const allowed: string[] = [];
  for (const route of routes) {
    const variables = matchPattern(route.pattern, segments);
    if (variables === null) continue;
    if (route.method === method) return { found: 'route', handler: route.handler, variables };
    allowed.push(route.method);
  }
  return allowed.length === 0 ? { found: 'nothing' } : { found: 'other-methods', allowed };
}

function decodeSegments(path: string): string[] | null {
  try {
    return path.split('/').slice(1).map(decodeURIComponent);
  } catch {
    return null;
  }
}

function matchPattern(pattern: string, segments: readonly string[]): Record<string, string> | null {
  const parts = pattern.split('/').slice(1);
  if (parts.length !== segments.length) return null;
  const variables: Record<string, string> = {};
  for (const [at, part] of parts.entries()) {
    const segment = segments[at] ?? '';
    if (part.startsWith(':')) {
      if (segment === '') return null;
      variables[part.slice(1)] = segment;
    } else if (part !== segment) return null;
  }
  return variables;
}
