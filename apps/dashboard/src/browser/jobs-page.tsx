/** The list of jobs: live, filtered, page by page, with what can be done to those that are chosen. */
import type { Job } from '@cc-executor/protocol/plain';
import { useState } from 'preact/hooks';
import { Confirm, type Wish } from './confirm.tsx';
import { AGES, jobIdOf, listQuery, pageAddress, STATUSES } from './filters.ts';
import { formatAge, formatCost, formatDuration, formatTime } from './format.ts';
import { Frame, Status, Trouble } from './frame.tsx';
import { useFresh } from './fresh.ts';
import { listJobs } from './gateway.ts';

export function JobsPage() {
  const page = new URLSearchParams(location.search);
  const list = useFresh((signal) => listJobs(listQuery(page, Date.now()), signal), { key: location.search });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [wish, setWish] = useState<Wish>();
  const { jobs = [], cursor } = list.value ?? {};
  const chosenJobs = jobs.filter(({ jobId }) => chosen.has(jobId));

  function choose(ids: readonly string[], isChosen: boolean): void {
    const next = new Set(chosen);
    for (const id of ids) isChosen ? next.add(id) : next.delete(id);
    setChosen(next);
  }

  return (
    <Frame title="Jobs">
      <h1>Jobs</h1>
      <Filters page={page} />
      <Trouble text={list.trouble} />
      <div class="buttons">
        {(['cancel', 'rerun'] as const).map((operation) => (
          <button
            key={operation}
            type="button"
            disabled={chosenJobs.length === 0}
            onClick={() => setWish({ operation, jobs: chosenJobs })}
          >
            {`${operation} ${chosenJobs.length} chosen`}
          </button>
        ))}
      </div>
      {list.value && jobs.length === 0 && <p>No job fits.</p>}
      {jobs.length > 0 && <Table jobs={jobs} now={list.now} chosen={chosen} choose={choose} />}
      <nav class="buttons" aria-label="More jobs">
        {page.has('cursor') && <a href={pageAddress(page, 'cursor', undefined)}>Newest</a>}
        {cursor && <a href={pageAddress(page, 'cursor', cursor)}>Older</a>}
      </nav>
      {wish && (
        <Confirm
          wish={wish}
          onDone={() => {
            setWish(undefined);
            setChosen(new Set());
          }}
        />
      )}
    </Frame>
  );
}

/** A form as browsers have it: its members become the page's address. */
function Filters({ page }: { page: URLSearchParams }) {
  function open(event: SubmitEvent): void {
    const search = new FormData(event.currentTarget as HTMLFormElement).get('q');
    const jobId = jobIdOf(String(search));
    if (jobId === undefined) return;
    event.preventDefault();
    location.assign(`/jobs/${jobId}`);
  }
  return (
    <form class="filters" action="/jobs" onSubmit={open}>
      <label>
        Search
        <input
          type="search"
          name="q"
          value={page.get('q') ?? ''}
          placeholder="job_… , words, or member=value"
        />
      </label>
      <label>
        Status
        <select name="status" value={page.get('status') ?? ''}>
          <option value="">any</option>
          {STATUSES.map((status) => (
            <option key={status} value={status}>
              {status.replace('_', ' ')}
            </option>
          ))}
        </select>
      </label>
      <label>
        Accepted
        <select name="age" value={page.get('age') ?? ''}>
          <option value="">at any time</option>
          {AGES.map(([value, words]) => (
            <option key={value} value={value}>
              {words}
            </option>
          ))}
        </select>
      </label>
      <button type="submit">Show</button>
    </form>
  );
}

type TableProps = {
  jobs: readonly Job[];
  now: number;
  chosen: ReadonlySet<string>;
  choose: (ids: readonly string[], isChosen: boolean) => void;
};

function Table({ jobs, now, chosen, choose }: TableProps) {
  const all = jobs.map(({ jobId }) => jobId);
  return (
    <table class="jobs">
      <thead>
        <tr>
          <th>
            <input
              type="checkbox"
              aria-label="Choose all of this page"
              checked={all.every((id) => chosen.has(id))}
              onChange={({ currentTarget }) => choose(all, currentTarget.checked)}
            />
          </th>
          <th>Job</th>
          <th>Status</th>
          <th>Age</th>
          <th>Took</th>
          <th>Attempts</th>
          <th>Cost</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.jobId}>
            <td>
              <input
                type="checkbox"
                aria-label={`Choose ${job.jobId}`}
                checked={chosen.has(job.jobId)}
                onChange={({ currentTarget }) => choose([job.jobId], currentTarget.checked)}
              />
            </td>
            <td class="name">
              <a href={`/jobs/${job.jobId}`}>{job.title || job.jobId}</a>
              <small>
                {job.title && <code>{job.jobId}</code>}
                {job.metadata && <span class="metadata">{JSON.stringify(job.metadata)}</span>}
              </small>
            </td>
            <td>
              <Status status={job.status} note={noteOf(job)} />
              {job.failure && <small>{job.failure}</small>}
            </td>
            <td data-label="age" title={formatTime(job.createdAt)}>
              {formatAge(job.createdAt, now)}
            </td>
            <td data-label="took">{tookOf(job, now)}</td>
            <td data-label="attempts">{job.attempt}</td>
            <td data-label="cost">{job.costUsd === undefined ? '' : formatCost(job.costUsd)}</td>
          </tr>
        ))}
      </tbody>
    </table>
  );
}

export function noteOf({ status, pausedAt, pauseRequested, cancelRequested }: Job): string {
  if (status !== 'queued' && status !== 'running') return '';
  if (cancelRequested) return ', being cancelled';
  if (pausedAt !== undefined) return ', paused';
  return pauseRequested ? ', to be paused' : '';
}

function tookOf({ startedAt, endedAt }: Job, now: number): string {
  return startedAt === undefined ? '' : formatDuration((endedAt ?? now) - startedAt);
}
