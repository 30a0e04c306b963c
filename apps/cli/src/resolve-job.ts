/** Job ids on the command line may be cut short, as long as they say which job is meant: by the gateway's list. */
import { type Client, ClientError, type ClientOptions } from '@cc-executor/client';
import { withClient } from './open-client.ts';
import { UsageError } from './usage-error.ts';

const WHOLE = /^job_[0-9a-f]{32}$/;
const BEGINNING = /^(?:job_)?([0-9a-f]{4,31})$/;
/** More than that are not named. */
const NAMED = 5;

/**
 * The id that begins so; one that is whole, or none at all, as it is: the gateway says what it makes of it.
 * Errors: `UsageError` when several do, `ClientError` (`job_not_found` when none does).
 */
export async function resolveJobId(client: Pick<Client, 'list'>, text: string): Promise<string> {
  const [, digits] = BEGINNING.exec(text) ?? [];
  if (WHOLE.test(text) || digits === undefined) return text;
  const { jobs } = await client.list({ idPrefix: `job_${digits}`, limit: NAMED + 1 });
  const ids = jobs.map(({ jobId }) => jobId);
  if (ids[0] === undefined)
    throw new ClientError('job_not_found', `There is no job whose id begins with ${text}.`);
  if (ids.length === 1) return ids[0];
  const named = [...ids.slice(0, NAMED), ...(ids.length > NAMED ? ['…'] : [])];
  throw new UsageError(`the ids of several jobs begin with ${text}:\n  ${named.join('\n  ')}`);
}

/** As `withClient`, for one job that its id, or the beginning of it, names. */
export function withJob<T>(
  urlOption: string | undefined,
  text: string,
  work: (client: Client, jobId: string) => Promise<T>,
  options: Pick<ClientOptions, 'watch'> = {},
): Promise<T> {
  return withClient(urlOption, async (client) => work(client, await resolveJobId(client, text)), options);
}
