/** Milliseconds a slow, loaded machine is given; what comes about at once on another costs nothing more there. */
const PATIENCE = 180_000;

/** Asks again until there is an answer. */
export async function until<T>(look: () => Promise<T | null> | T | null): Promise<T> {
  const end = Date.now() + PATIENCE;
  for (;;) {
    const found = await look();
    if (found !== null) return found;
    if (Date.now() > end) throw new Error(`it did not happen within ${PATIENCE / 1000} seconds`);
    await new Promise((resolve) => setTimeout(resolve, 50));
  }
}
