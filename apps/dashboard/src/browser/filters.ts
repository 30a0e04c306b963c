/** What the list of jobs is asked for: the page's own address says it, so a view can be kept, shared and gone back to. */

const PAGE = '50';
const HOUR_MS = 60 * 60_000;
const AGES_MS: Record<string, number> = { '1h': HOUR_MS, '24h': 24 * HOUR_MS, '7d': 7 * 24 * HOUR_MS };

export const STATUSES = [
  ...['unfinished', 'queued', 'running', 'completed', 'failed', 'cancelled', 'timed_out'],
] as const;
export const AGES = [
  ['1h', 'last hour'],
  ['24h', 'last 24 hours'],
  ['7d', 'last 7 days'],
] as const;

/** The job that a search names whole. */
export function jobIdOf(search: string): string | undefined {
  return /^job_[0-9a-f]{32}$/.test(search.trim()) ? search.trim() : undefined;
}

/**
 * The query of `GET /v1/jobs` for the query of the page: `status`, `age`, `q` (the beginning of an id, `member=value` of
 * metadata, or words of the title) and `cursor`.
 */
export function listQuery(page: URLSearchParams, now: number): URLSearchParams {
  const query = new URLSearchParams({ limit: PAGE });
  const status = page.get('status') ?? '';
  if ((STATUSES as readonly string[]).includes(status)) query.set('status', status);
  const ageMs = AGES_MS[page.get('age') ?? ''];
  if (ageMs !== undefined) query.set('since', String(now - ageMs));
  const search = page.get('q')?.trim() ?? '';
  const member = /^([\w.-]{1,64})=(.*)$/.exec(search);
  if (/^job_[0-9a-f]{4,32}$/.test(search)) query.set('idPrefix', search);
  else if (member) query.set(`metadata[${member[1]}]`, member[2] ?? '');
  else if (search !== '') query.set('text', search);
  const cursor = page.get('cursor');
  if (cursor) query.set('cursor', cursor);
  return query;
}

/** The page's address with one member changed; another filter leads back to the newest. */
export function pageAddress(page: URLSearchParams, name: string, value: string | undefined): string {
  const next = new URLSearchParams(page);
  next.delete('cursor');
  next.delete(name);
  if (value !== undefined) next.set(name, value);
  return `/jobs?${next}`;
}
