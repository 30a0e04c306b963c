/** Ends a wait by an `AbortSignal`. What is waited for goes on; who gave the signal no longer hears of it. */
export type CallOptions = {
  /** Ends the wait with the signal's reason. It cancels no job: `cancel()` does. */
  signal?: AbortSignal | undefined;
};

/** `onAbort` is called once, when the signal came before the end. Errors: the signal's reason, those of the promise. */
export function abortable<T>(
  signal: AbortSignal | undefined,
  promise: Promise<T>,
  onAbort?: (reason: unknown) => void,
): Promise<T> {
  if (signal === undefined) return promise;
  return new Promise((resolve, reject) => {
    const abort = () => {
      reject(signal.reason);
      onAbort?.(signal.reason);
    };
    if (signal.aborted) abort();
    else signal.addEventListener('abort', abort, { once: true });
    const settled = () => signal.removeEventListener('abort', abort);
    promise.then(resolve, reject).finally(settled);
  });
}
