/**
 * What a variable may hold: builders of schemas that turn the text of an environment variable into a value.
 * Each schema's description says what it expects; fault messages and the configuration reference quote it.
 */
import { z } from 'zod';

/** Timers take at most this many milliseconds (about 24.8 days); a longer delay would fire at once. */
const LONGEST_TIMER_MS = 2 ** 31 - 1;

const UNIT_BYTES: Record<string, number> = { kb: 1024, mb: 1024 ** 2, gb: 1024 ** 3 };

const UNIT_MS: Record<string, number> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000 };

/** A TCP port. 0 lets the system choose a free one. */
export function port() {
  return integer(0, 65_535).describe('a port number, 0 to 65535');
}

/** A whole number from `min` (default 1) to `max`. */
export function positiveInt({ min = 1, max = Number.MAX_SAFE_INTEGER } = {}) {
  const bounds = max === Number.MAX_SAFE_INTEGER ? `of at least ${min}` : `from ${min} to ${max}`;
  return integer(min, max).describe(`a whole number ${bounds}`);
}

/** An amount of money: whole, or with up to six decimals. */
export function amount() {
  return z
    .string()
    .regex(/^\d{1,9}(\.\d{1,6})?$/, { error: 'is no amount' })
    .transform(Number)
    .describe('an amount in US dollars');
}

/** A duration in milliseconds: `1500`, `'1500'`, `'30s'`, `'5m'`. `min` and `max` are in milliseconds. */
export function durationMs({ min = 0, max = LONGEST_TIMER_MS } = {}) {
  return z
    .union([z.string(), z.number()])
    .transform((value, context) => {
      const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h|d)?$/.exec(String(value).trim());
      const result = match === null ? Number.NaN : Math.round(Number(match[1]) * UNIT_MS[match[2] ?? 'ms']!);
      if (result >= min && result <= max) return result;
      const message = Number.isNaN(result) ? 'is not a duration' : `is not between ${min} ms and ${max} ms`;
      context.addIssue({ code: 'custom', message });
      return z.NEVER;
    })
    .describe('a duration: milliseconds, or a number with ms, s, m, h or d (30s, 5m)');
}

/** A size in bytes: `1048576`, `'512kb'`, `'128mb'`, `'1gb'`. `min` is in bytes. */
export function byteSize({ min = 0 } = {}) {
  return z
    .string()
    .transform((value, context) => {
      const match = /^(\d+(?:\.\d+)?)\s*(kb|mb|gb)?$/.exec(value.trim().toLowerCase());
      const result =
        match === null ? Number.NaN : Math.round(Number(match[1]) * (UNIT_BYTES[match[2] ?? ''] ?? 1));
      if (result >= min && result <= Number.MAX_SAFE_INTEGER) return result;
      context.addIssue({
        code: 'custom',
        message: Number.isNaN(result) ? 'is not a size' : `is not at least ${min} bytes`,
      });
      return z.NEVER;
    })
    .describe('a size: bytes, or a number with kb, mb or gb (128mb)');
}

/** true, yes, on, 1 or false, no, off, 0, in any case. */
export function flag() {
  return z
    .string()
    .transform((value, context) => {
      const word = value.trim().toLowerCase();
      if (['true', 'yes', 'on', '1'].includes(word)) return true;
      if (['false', 'no', 'off', '0'].includes(word)) return false;
      context.addIssue({ code: 'custom', message: 'is neither true nor false' });
      return z.NEVER;
    })
    .describe('true or false');
}

/** One of these words. */
export function oneOf<const T extends readonly [string, ...string[]]>(words: T) {
  return z.enum(words, { error: 'is not one of the choices' }).describe(`one of ${words.join(', ')}`);
}

/** Any text. */
export function text() {
  return z.string().describe('text');
}

/** A URL with one of these protocols (`['redis', 'rediss']`), kept as it was written. */
export function urlText(protocols: readonly [string, ...string[]]) {
  return z
    .string()
    .refine((value) => URL.canParse(value) && protocols.includes(new URL(value).protocol.slice(0, -1)), {
      error: 'is not such a URL',
    })
    .describe(`a URL that begins with ${protocols.map((protocol) => `${protocol}://`).join(' or ')}`);
}

/** Texts separated by commas; blanks around them and empty ones are dropped. */
export function listOf() {
  return z
    .string()
    .transform((value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    )
    .describe('a list separated by commas');
}

function integer(min: number, max: number) {
  return z.string().transform((value, context) => {
    const result = /^\d+$/.test(value.trim()) ? Number(value) : Number.NaN;
    if (result >= min && result <= max) return result;
    const message = Number.isNaN(result) ? 'is not a whole number' : 'is out of range';
    context.addIssue({ code: 'custom', message });
    return z.NEVER;
  });
}
