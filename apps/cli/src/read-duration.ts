/** A span of time as it is written on the command line: a number and its unit. */
import { InvalidArgumentError } from 'commander';

export const DAY_MS = 24 * 3_600_000;
const units = { s: 1_000, m: 60_000, h: 3_600_000, d: DAY_MS };

/** In ms. Errors: `InvalidArgumentError`. */
export function readDuration(text: string): number {
  const [, count, unit] = /^(\d{1,6})([smhd])$/.exec(text) ?? [];
  if (count === undefined) throw new InvalidArgumentError('Expected a number with s, m, h or d.');
  return Number(count) * units[unit as keyof typeof units];
}
