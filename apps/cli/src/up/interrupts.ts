/**
 * Ctrl-C and its kin: the first one asks to stop, a later one to kill. One Ctrl-C can arrive several times at
 * once, from the terminal and from npm, which forwards it: what comes within a moment counts as one.
 */

const SIGNALS = ['SIGINT', 'SIGTERM', 'SIGHUP'] as const;
const SAME_MS = 700;

export type Interrupts = {
  readonly stop: AbortSignal;
  readonly kill: AbortSignal;
  /** Takes one signal. */
  take(name: NodeJS.Signals): void;
  /** Leaves the process's signals alone again. Idempotent. */
  close(): void;
};

/** Listens to the signals of this process; `onStop` and `onKill` hear of the first and the decisive later one. */
export function watchInterrupts(options: {
  onStop: (name: NodeJS.Signals) => void;
  onKill: () => void;
  now?: () => number;
}): Interrupts {
  const { onStop, onKill, now = () => performance.now() } = options;
  const stop = new AbortController();
  const kill = new AbortController();
  let firstAt = 0;

  function take(name: NodeJS.Signals): void {
    if (!stop.signal.aborted) {
      firstAt = now();
      onStop(name);
      stop.abort();
    } else if (!kill.signal.aborted && now() - firstAt >= SAME_MS) {
      onKill();
      kill.abort();
    }
  }

  for (const name of SIGNALS) process.on(name, take);
  return {
    stop: stop.signal,
    kill: kill.signal,
    take,
    close() {
      for (const name of SIGNALS) process.off(name, take);
    },
  };
}
