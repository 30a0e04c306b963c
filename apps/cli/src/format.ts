/** How numbers, times and foreign text look on a terminal. */

/** `850 ms`, `12.3 s`, `3 min 12 s`, `1 h 5 min`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.round(ms)} ms`;
  if (ms < 60_000) return `${(ms / 1_000).toFixed(1)} s`;
  const minutes = Math.floor(ms / 60_000);
  if (minutes < 60) return `${minutes} min ${Math.floor((ms % 60_000) / 1_000)} s`;
  return `${Math.floor(minutes / 60)} h ${minutes % 60} min`;
}

/** A Unix time in ms, in this machine's time zone: `2026-11-23 21:05:00`. */
export function formatTime(time: number): string {
  // The Swedish form is ISO's, with a space.
  return new Date(time).toLocaleString('sv-SE');
}

/** Only the time of day. */
export function formatClock(time: number): string {
  return formatTime(time).slice(11);
}

/** `950`, `1.2k`, `3.4M`. */
export function formatCount(count: number): string {
  if (count < 1_000) return String(count);
  return count < 999_950 ? `${(count / 1_000).toFixed(1)}k` : `${(count / 1_000_000).toFixed(1)}M`;
}

export function formatCost(usd: number): string {
  return `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

/** One line without control characters, so that foreign text cannot steer the terminal; cut at `maxLength`. */
export function oneLine(text: string, maxLength: number): string {
  const line = text.replace(/[\u0000-\u001f\u007f-\u009f\u202a-\u202e\u2066-\u2069]+/g, ' ').trim();
  return line.length <= maxLength ? line : `${line.slice(0, maxLength - 1).trimEnd()}…`;
}
