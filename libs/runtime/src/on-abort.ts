/** Listening to a signal that may have been aborted before. */

/** Calls the listener once, when the signal is aborted, or at once if it is. Returns what takes the listener off. */
export function onAbort(signal: AbortSignal, listener: () => void): () => void {
  if (signal.aborted) listener();
  else signal.addEventListener('abort', listener, { once: true });
  return () => signal.removeEventListener('abort', listener);
}
