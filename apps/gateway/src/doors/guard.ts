/** What a connection is called with from outside ends, by its fault, that connection alone. */

/** Makes functions that tell `fail` what they throw, and throw nothing. */
export function createGuard(fail: (error: unknown) => void) {
  return <A extends unknown[]>(work: (...args: A) => void): ((...args: A) => void) =>
    (...args) => {
      try {
        work(...args);
      } catch (error) {
        fail(error);
      }
    };
}
