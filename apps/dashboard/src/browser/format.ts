/** Times, durations and costs for people. */
const UNITS = [
  [24 * 60 * 60_000, 'd', 60 * 60_000, 'h'],
  [60 * 60_000, 'h', 60_000, 'min'],
  [60_000, 'min', 1_000, 's'],
] as const;

/** Two units at most: `950 ms`, `4.2 s`, `3 min 20 s`. */
export function formatDuration(ms: number): string {
  if (ms < 1_000) return `${Math.max(0, Math.round(ms))} ms`;
  for (const [size, unit, part, name] of UNITS) {
    if (ms < size) continue;
    const rest = Math.floor((ms % size) / part);
    return `${Math.floor(ms / size)} ${unit}${rest === 0 ? '' : ` ${rest} ${name}`}`;
  }
  return `${(Math.floor(ms / 100) / 10).toFixed(1)} s`;
}

/** In one unit: `12 s ago`. */
export function formatAge(at: number, now: number): string {
  const seconds = Math.floor((now - at) / 1_000);
  return seconds < 1
    ? 'just now'
    : `${formatDuration(seconds * 1_000)
        .replace('.0', '')
        .split(' ', 2)
        .join(' ')} ago`;
}

export function formatTime(at: number): string {
  return new Date(at).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'medium' });
}

export function formatCost(usd: number): string {
  return `$${usd.toFixed(usd < 1 ? 4 : 2)}`;
}

export function formatBytes(bytes: number): string {
  return bytes < 1_000
    ? `${bytes} B`
    : bytes < 1_000_000
      ? `${(bytes / 1_000).toFixed(1)} kB`
      : `${(bytes / 1_000_000).toFixed(1)} MB`;
}
