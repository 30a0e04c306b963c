/** How far two clocks are apart. Pure. */
import { type Finding, ok, warn } from './finding.ts';

/** More than this is warned of, in ms. */
const CLOCK_LIMIT_MS = 1_000;

/** @param other whose clock is `offsetMs` ahead */
export function judgeClock(subject: string, offsetMs: number, other: string): Finding {
  const far = Math.abs(offsetMs) > CLOCK_LIMIT_MS;
  const words = `the clock of ${other} is ${(Math.abs(offsetMs) / 1_000).toFixed(1)} s ${offsetMs > 0 ? 'ahead' : 'behind'}`;
  return far
    ? warn(
        subject,
        words,
        'Let both machines set their clocks by NTP; times in logs and deadlines are off by that much.',
      )
    : ok(subject, 'the clocks agree');
}
