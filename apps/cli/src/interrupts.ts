/** Ctrl-C and SIGTERM: the first asks politely, the second leaves at once. */
const SIGNAL_NUMBERS = { SIGINT: 2, SIGTERM: 15 } as const;

type InterruptSignal = keyof typeof SIGNAL_NUMBERS;

/**
 * Listens to both signals until the returned function is called.
 * @param onFirst returns false when there is nothing to be polite about: then the first leaves at once, too
 * @param onLeave called just before the process ends
 */
export function handleInterrupts(onFirst: () => boolean, onLeave: () => void): () => void {
  let hasAsked = false;
  function receive(signal: InterruptSignal): void {
    if (!hasAsked && onFirst()) {
      hasAsked = true;
      return;
    }
    onLeave();
    process.exit(128 + SIGNAL_NUMBERS[signal]);
  }
  process.on('SIGINT', receive);
  process.on('SIGTERM', receive);
  return () => {
    process.off('SIGINT', receive);
    process.off('SIGTERM', receive);
  };
}
