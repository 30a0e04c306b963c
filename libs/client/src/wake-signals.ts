/** When trying again is worth it at once: the network is back, or the page shows again after it was hidden or asleep. */
type Signals = {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
};

/** Calls the listener at each such moment; returns what takes it off again. Where there are none, nothing happens. */
export function onWake(listener: () => void): () => void {
  const { document } = globalThis as { document?: Signals & { visibilityState: string } };
  const scope = globalThis as Signals;
  const shown = () => {
    if (document?.visibilityState === 'visible') listener();
  };
  scope.addEventListener?.('online', listener);
  document?.addEventListener?.('visibilitychange', shown);
  return () => {
    scope.removeEventListener?.('online', listener);
    document?.removeEventListener?.('visibilitychange', shown);
  };
}
