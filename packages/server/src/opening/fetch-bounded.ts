/** Bytes of an answer that are read; what is fetched here has a few thousand. */
const LARGEST = 256 * 1024;

/**
 * GETs a JSON document: no redirect is followed (the host is the one configured), and no more is read than fits.
 *
 * @throws Error in words that fit into a sentence; never what the other side sent, nor the token
 */
export async function fetchBounded(
  url: string,
  { token, signal }: { readonly token: string | null; readonly signal: AbortSignal },
): Promise<{ readonly status: number; readonly text: string }> {
  const headers = {
    accept: 'application/vnd.github+json',
    'user-agent': 'rekey',
    'x-github-api-version': '2022-11-28',
    ...(token === null ? {} : { authorization: `Bearer ${token}` }),
  };
  const response = await fetch(url, { headers, redirect: 'manual', signal }).catch(() => {
    throw new Error('it could not be reached in time');
  });
  const text = await readBounded(response).catch((error: unknown) => {
    throw error instanceof TooLong ? error : new Error('its answer broke off');
  });
  return { status: response.status, text };
}

class TooLong extends Error {}

async function readBounded({ body }: Response): Promise<string> {
  const chunks: Uint8Array[] = [];
  let size = 0;
  for await (const chunk of body ?? []) {
    size += chunk.length;
    if (size > LARGEST) throw new TooLong(`its answer is longer than ${LARGEST} bytes`);
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
