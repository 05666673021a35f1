/** What runs things when it has ended, also when it failed: a test's context, or a suite by its hooks. */
export interface Cleanup {
  after(fn: () => Promise<void>): void;
}

const undone = new WeakMap<Cleanup, (() => Promise<void>)[]>();

/** Undoes things in the opposite order in which they were done: a server is stopped before its folder goes. */
export function atEnd(test: Cleanup, undo: () => Promise<void>): void {
  const known = undone.get(test);
  if (known !== undefined) {
    known.push(undo);
    return;
  }
  const undos = [undo];
  undone.set(test, undos);
  test.after(async () => {
    const results: unknown[] = [];
    for (const one of undos.reverse()) await one().catch((error) => results.push(error));
    if (results.length > 0) throw results[0];
  });
}
