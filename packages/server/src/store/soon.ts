/**
 * At once, or by promise where the store has to be asked. What is answered from the caches then gives up no turn of the
 * event loop; whoever does not care awaits it.
 */
export type Soon<T> = T | Promise<T>;

/** Goes on with a value as soon as it is there: at once if it is. */
export function soon<T, R>(value: Soon<T>, next: (value: T) => Soon<R>): Soon<R> {
  return value instanceof Promise ? value.then(next) : next(value);
}
