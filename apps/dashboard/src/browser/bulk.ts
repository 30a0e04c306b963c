/** Does something to all jobs that fit a filter, page by page. What was stopped halfway is gone on with by asking again. */
import { cancelPage, listJobs, operate } from './gateway.ts';

type Progress = { signal: AbortSignal; tell: (done: number) => void };

const PAGE = '100';

/** Answers in a few words what became of it. Errors: the gateway's refusals. */
export async function cancelAll(filter: URLSearchParams, { signal, tell }: Progress): Promise<string> {
  let [cancelled, all] = [0, 0];
  for (let cursor: string | undefined; ; ) {
    const page = await cancelPage(
      { ...paramsOf(filter), limit: Number(PAGE), ...(cursor && { cursor }) },
      signal,
    );
    cancelled += page.jobs.filter(({ accepted }) => accepted).length;
    all += page.jobs.length;
    tell(all);
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return `cancel accepted for ${cancelled}${all > cancelled ? `; ${all - cancelled} had ended` : ''}`;
}

/** The same; each job once, also when its answer was lost. */
export async function rerunAll(filter: URLSearchParams, { signal, tell }: Progress): Promise<string> {
  const name = `${crypto.getRandomValues(new Uint32Array(4)).join('-')}`;
  let [begun, refused] = [0, 0];
  let refusal = '';
  for (let cursor: string | undefined; ; ) {
    const query = new URLSearchParams([...filter, ['limit', PAGE], ...(cursor ? [['cursor', cursor]] : [])]);
    const page = await listJobs(query, signal);
    for (const { jobId } of page.jobs) {
      signal.throwIfAborted();
      try {
        await operate(jobId, 'rerun', `${name} ${jobId}`);
        begun += 1;
      } catch (error) {
        refused += 1;
        refusal = (error as Error).message;
      }
      tell(begun + refused);
    }
    cursor = page.cursor;
    if (cursor === undefined) break;
  }
  return `${begun} run again${refused > 0 ? `; ${refused} were refused, the last: ${refusal}` : ''}`;
}

/** A query as parameters. */
function paramsOf(filter: URLSearchParams): Record<string, unknown> {
  const params: Record<string, unknown> = {};
  const metadata: Record<string, string> = {};
  for (const [name, value] of filter) {
    const member = /^metadata\[(.+)\]$/.exec(name)?.[1];
    if (member !== undefined) metadata[member] = value;
    else params[name] = name === 'since' || name === 'before' ? Number(value) : value;
  }
  return { ...params, ...(Object.keys(metadata).length > 0 && { metadata }) };
}
