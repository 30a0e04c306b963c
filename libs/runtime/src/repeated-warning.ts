/** One warning for what goes wrong many times: an outage is told at its beginning and now and then, not line by line. */
import type { Logger } from './logger.ts';

/**
 * Makes a function that logs an error with this message, at most once in `everyMs`; what was left out in between is
 * counted in `suppressed`.
 */
export function createRepeatedWarning(
  logger: Logger,
  message: string,
  { everyMs = 30_000, now = () => performance.now() }: { everyMs?: number; now?: () => number } = {},
): (err: unknown) => void {
  let nextAt = Number.NEGATIVE_INFINITY;
  let suppressed = 0;
  return (err) => {
    if (now() < nextAt) {
      suppressed += 1;
      return;
    }
    logger.warn({ err, ...(suppressed === 0 ? {} : { suppressed }) }, message);
    suppressed = 0;
    nextAt = now() + everyMs;
  };
}
