/** Keeps what a page shows fresh, while somebody looks at it. */
import { useEffect, useState } from 'preact/hooks';

type Fresh<T> = {
  /** The last one that came, also when the newest attempt failed. */
  value: T | undefined;
  trouble: string | undefined;
  /** When it was asked for last; durations are told up to then. */
  now: number;
};

const EVERY_MS = 2_000;

/**
 * Loads again every two seconds, or `everyMs`, not while the page is hidden, until it `isLast`.
 * @param key loads anew when it changes
 */
export function useFresh<T>(
  load: (signal: AbortSignal) => Promise<T>,
  {
    key,
    everyMs = EVERY_MS,
    isLast = () => false,
  }: { key: string; everyMs?: number; isLast?: (value: T) => boolean },
): Fresh<T> {
  const [fresh, setFresh] = useState<Fresh<T>>({ value: undefined, trouble: undefined, now: Date.now() });
  useEffect(() => {
    const stop = new AbortController();
    let timer: ReturnType<typeof setTimeout> | undefined;

    async function look(): Promise<void> {
      clearTimeout(timer);
      if (document.hidden) return;
      const now = Date.now();
      try {
        const value = await load(stop.signal);
        if (stop.signal.aborted) return;
        setFresh({ value, trouble: undefined, now });
        if (isLast(value)) return;
      } catch (error) {
        if (stop.signal.aborted) return;
        setFresh((before) => ({ ...before, trouble: (error as Error).message, now }));
      }
      timer = setTimeout(look, everyMs);
    }

    void look();
    document.addEventListener('visibilitychange', look, { signal: stop.signal });
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [key]);
  return fresh;
}
