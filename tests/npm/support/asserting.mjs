// What the suite's cases are written with in every runtime: nothing but the language.

/** @param {unknown} actual @param {unknown} expected @param {string} [label] */
export function equal(actual, expected, label = "") {
  if (!Object.is(actual, expected)) throw new Error(`${label} expected ${String(expected)}, found ${String(actual)}`);
}

/** @param {unknown} condition @param {string} label */
export function ok(condition, label) {
  if (!condition) throw new Error(`not so: ${label}`);
}

/**
 * What a promise is rejected with.
 * @param {Promise<unknown>} promise
 * @returns {Promise<any>}
 */
export async function rejected(promise) {
  return promise.then(
    () => { throw new Error("it did not reject"); },
    (error) => error,
  );
}

/** A clock that stands still until it is moved, in seconds. */
export function makeClock() {
  let millis = Date.now();
  return { now: () => millis, forward: (/** @type {number} */ seconds) => void (millis += seconds * 1000) };
}

/**
 * What `read` gives, so many milliseconds later.
 * @template T
 * @param {(...args: any[]) => T} read
 * @param {number} millis
 */
export function slowly(read, millis) {
  return async (/** @type {any[]} */ ...args) => {
    await new Promise((resolve) => setTimeout(resolve, millis));
    return read(...args);
  };
}
