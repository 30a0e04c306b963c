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
  const prefix = prefixOf(search);
  return prefix?.length === 'job_'.length + 32 ? prefix : undefined;
}

/**
 * The filter of jobs for the query of the page: `status`, `tenant`, `age`, or `from` and `to` (local times), and `q` (the beginning of an id,
 * `member=value` of metadata, or words of the title).
 */
function filterOf(page: URLSearchParams, now: number): URLSearchParams {
  const query = new URLSearchParams();
  const status = page.get('status') ?? '';
  if ((STATUSES as readonly string[]).includes(status)) query.set('status', status);
  const ageMs = AGES_MS[page.get('age') ?? ''];
  if (ageMs !== undefined) query.set('since', String(now - ageMs));
  const [from, to] = ['from', 'to'].map((name) => Date.parse(page.get(name) ?? ''));
  if (from) query.set('since', String(from));
  if (to) query.set('before', String(to));
  const tenant = page.get('tenant')?.trim();
  if (tenant) query.set('tenant', tenant);
  const search = page.get('q')?.trim() ?? '';
  const member = /^([\w.-]{1,64})=(.*)$/.exec(search);
  const prefix = prefixOf(search);
  if (prefix !== undefined) query.set('idPrefix', prefix);
  else if (member) query.set(`metadata[${member[1]}]`, member[2] ?? '');
  else if (search !== '') query.set('text', search);
  return query;
}

/** The query of `GET /v1/jobs`: the filter, and from where on. */
export function listQuery(page: URLSearchParams, now: number): URLSearchParams {
  const cursor = page.get('cursor');
  return new URLSearchParams([
    ['limit', PAGE],
    ...filterOf(page, now),
    ...(cursor ? [['cursor', cursor]] : []),
  ]);
}

/** Which jobs an operation on all that fit would hit, of those that are there now; undefined: it would hit none. */
export function bulkFilter(
  page: URLSearchParams,
  { operation, now }: { operation: 'cancel' | 'rerun'; now: number },
): URLSearchParams | undefined {
  const filter = filterOf(page, now);
  if (!filter.has('before')) filter.set('before', String(now));
  if (operation === 'rerun') return filter;
  if (!filter.has('status')) filter.set('status', 'unfinished');
  return ['unfinished', 'queued', 'running'].includes(filter.get('status') ?? '') ? filter : undefined;
}

/** The beginning of an id that a search is, with or without what all ids begin with. */
export function prefixOf(search: string): string | undefined {
  const [, digits] = /^(?:job_)?([0-9a-f]{4,32})$/.exec(search.trim()) ?? [];
  return digits === undefined || (search.trim() === digits && digits.length < 8)
    ? undefined
    : `job_${digits}`;
}

/** The page's address with one member changed; another filter leads back to the newest. */
export function pageAddress(page: URLSearchParams, name: string, value: string | undefined): string {
  const next = new URLSearchParams(page);
  next.delete('cursor');
  next.delete(name);
  if (value !== undefined) next.set(name, value);
  return `/jobs?${next}`;
}
