/** What a request says about which jobs are meant, as the job log takes it. */
import type { ListFilter, OwnedJob } from '@cc-executor/job-log';
import { type Job, type Params, ProtocolError } from '@cc-executor/protocol';

/** Errors: `beyond_ceiling` for a text where titles are not to be shown: it would be found out word by word. */
export function filterOf(
  { metadata, ...filter }: Omit<Params<'list'>, 'limit' | 'cursor' | 'tenant'>,
  showTitles: boolean,
): ListFilter {
  if (filter.text !== undefined && !showTitles) {
    const message = 'Beyond what this gateway allows: text: jobs have no titles here (GATEWAY_SHOW_TITLES)';
    throw new ProtocolError('beyond_ceiling', message);
  }
  if (metadata === undefined) return filter;
  const members = Object.entries(metadata).map(([name, value]) => [name, String(value)]);
  return { ...filter, metadata: Object.fromEntries(members) };
}

/** A job as it may be shown: one that was accepted when titles were shown has one. */
export function shownJob(
  { title, tenant, ...job }: OwnedJob,
  { showTitles, showTenant }: { showTitles: boolean; showTenant: boolean },
): Job {
  return {
    ...job,
    ...(showTitles && title !== undefined && { title }),
    ...(showTenant && { tenant }),
  };
}
