/** Asks again until there is an answer; for at most the given milliseconds. */
export async function until<T>(look: () => Promise<T | null> | T | null, milliseconds = 10_000): Promise<T> {
  const end = Date.now() + milliseconds;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > end) throw new Error(`it did not happen within ${milliseconds} ms`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
