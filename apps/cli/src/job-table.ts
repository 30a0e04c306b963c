/** The jobs of a gateway, page by page, as a table. */
import type { Client } from '@cc-executor/client';
import type { Job, Result } from '@cc-executor/protocol';
import { type Colors, colorsFor } from './colors.ts';
import { describeStatus } from './describe-job.ts';
import { formatCost, formatDuration, formatTime, oneLine } from './format.ts';
import type { JobFilter } from './job-filter.ts';

const PAGE = 100;
const MAX_TITLE = 60;
const MAX_METADATA = 40;
/** Of an id in a narrow table: `job_` and eight digits, which other commands take, too. */
const SHORT_ID = 12;
/** What a narrow terminal can do without, first to last; of titles the end goes before the third. */
const DISPENSABLE = ['EVENTS', 'METADATA', 'COST', 'TOOK', 'CREATED'];
const SHORTEST_TITLE = 16;

/** Reads as many pages as `limit` needs. */
export async function fetchJobs(
  client: Pick<Client, 'list'>,
  { limit, ...filter }: JobFilter & { limit: number },
): Promise<{ jobs: Job[]; hasMore: boolean }> {
  const jobs: Job[] = [];
  let cursor: string | undefined;
  do {
    const page: Result<'list'> = await client.list({
      limit: Math.min(PAGE, limit - jobs.length),
      ...filter,
      ...(cursor === undefined ? {} : { cursor }),
    });
    jobs.push(...page.jobs);
    cursor = page.cursor;
  } while (cursor !== undefined && jobs.length < limit);
  return { jobs, hasMore: cursor !== undefined };
}

/**
 * One line a job, newest first. `now` is a Unix time in ms.
 *
 * @param width of the terminal, in columns; in a pipe there is no end
 */
export function renderJobs(
  jobs: Job[],
  now: number,
  {
    colors = colorsFor(process.stdout),
    width = Number.POSITIVE_INFINITY,
  }: { colors?: Colors; width?: number | undefined } = {},
): string {
  if (jobs.length === 0) return 'no jobs\n';
  const table = new Map<string, string[]>([
    ['JOB', jobs.map(({ jobId }) => jobId)],
    ['TENANT', jobs.map(({ tenant = '' }) => tenant)],
    ['STATUS', jobs.map(statusOf)],
    ['CREATED', jobs.map(({ createdAt }) => formatTime(createdAt))],
    ['TOOK', jobs.map((job) => tookOf(job, now))],
    ['EVENTS', jobs.map(({ lastSeq }) => String(lastSeq))],
    ['COST', jobs.map(({ costUsd }) => (costUsd === undefined ? '' : formatCost(costUsd)))],
    ['TITLE', jobs.map(({ title = '' }) => oneLine(title, MAX_TITLE))],
    [
      'METADATA',
      jobs.map(({ metadata }) => (metadata ? oneLine(JSON.stringify(metadata), MAX_METADATA) : '')),
    ],
  ]);
  for (const name of ['TENANT', 'COST', 'TITLE']) {
    if (table.get(name)?.every((cell) => cell === '')) table.delete(name);
  }
  if (widthOf(table) > width) table.set('JOB', shortIds(jobs));
  for (const [index, name] of DISPENSABLE.entries()) {
    if (index >= 2) shortenTitles(table, width);
    if (widthOf(table) > width) table.delete(name);
  }
  const columns = [...table].map(([name, cells]) =>
    [name, ...cells].map((cell) => cell.padEnd(longest(name, cells))),
  );
  const lines = [-1, ...jobs.keys()].map((row) => {
    const line = columns
      .map((cells) => cells[row + 1])
      .join('  ')
      .trimEnd();
    return line.length > width ? `${line.slice(0, width - 1)}…` : line;
  });
  return `${[colors.bold(lines[0] ?? ''), ...lines.slice(1)].join('\n')}\n`;
}

/** By as much as does not fit, if enough is left of them. */
function shortenTitles(table: Map<string, string[]>, width: number): void {
  const titles = table.get('TITLE');
  if (titles === undefined) return;
  const room = longest('TITLE', titles) - Math.max(0, widthOf(table) - width);
  if (room >= SHORTEST_TITLE)
    table.set(
      'TITLE',
      titles.map((title) => oneLine(title, room)),
    );
}

function longest(name: string, cells: string[]): number {
  return Math.max(name.length, ...cells.map(({ length }) => length));
}

function widthOf(table: ReadonlyMap<string, string[]>): number {
  return [...table].reduce((sum, [name, cells]) => sum + longest(name, cells) + 2, -2);
}

/** As short as they may be without being taken for one another. */
function shortIds(jobs: Job[]): string[] {
  const short = jobs.map(({ jobId }) => jobId.slice(0, SHORT_ID));
  return new Set(short).size === jobs.length ? short : jobs.map(({ jobId }) => jobId);
}

function statusOf(job: Job): string {
  const { failure } = job;
  return failure === undefined ? describeStatus(job) : `${job.status}: ${oneLine(failure, MAX_METADATA)}`;
}

function tookOf({ startedAt, endedAt }: Job, now: number): string {
  // The clocks of this machine and Redis may differ a little.
  return startedAt === undefined ? '' : formatDuration(Math.max((endedAt ?? now) - startedAt, 0));
}
