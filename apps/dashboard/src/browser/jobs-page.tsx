/** The list of jobs: live, filtered, page by page, with what can be done to those that are chosen. */
import type { Job } from '@cc-executor/protocol/plain';
import { useState } from 'preact/hooks';
import { Confirm, type Wish } from './confirm.tsx';
import { type BulkWish, ConfirmAll } from './confirm-all.tsx';
import { AGES, bulkFilter, jobIdOf, listQuery, pageAddress, prefixOf, STATUSES } from './filters.ts';
import { formatAge, formatCost, formatDuration, formatTime } from './format.ts';
import { Frame, Status, Trouble } from './frame.tsx';
import { useFresh } from './fresh.ts';
import { listJobs } from './gateway.ts';
import { mayOperate, seesTenants } from './session.ts';

export function JobsPage() {
  const [address, setAddress] = useState(location.search);
  const page = new URLSearchParams(address);
  const list = useFresh((signal) => listJobs(listQuery(page, Date.now()), signal), { key: address });
  const [chosen, setChosen] = useState<ReadonlySet<string>>(new Set());
  const [wish, setWish] = useState<Wish>();
  const [bulk, setBulk] = useState<BulkWish>();
  const { jobs = [], cursor } = list.value ?? {};
  const chosenJobs = jobs.filter(({ jobId }) => chosen.has(jobId));

  function choose(ids: readonly string[], isChosen: boolean): void {
    const next = new Set(chosen);
    for (const id of ids) isChosen ? next.add(id) : next.delete(id);
    setChosen(next);
  }

  /** As one types the beginning of an id: the page's address says it all the same. */
  function narrow(prefix: string): void {
    const address = pageAddress(page, 'q', prefix);
    history.replaceState(null, '', address);
    setAddress(location.search);
  }

  function askForAll(operation: BulkWish['operation']): void {
    const filter = bulkFilter(page, { operation, now: Date.now() });
    if (filter) setBulk({ operation, filter });
  }

  return (
    <Frame title="Jobs">
      <h1>Jobs</h1>
      <Filters page={page} onPrefix={narrow} />
      <Trouble text={list.trouble} />
      {mayOperate && (
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
          {(['cancel', 'rerun'] as const).map((operation) => (
            <button
              key={`all ${operation}`}
              type="button"
              disabled={bulkFilter(page, { operation, now: list.now }) === undefined}
              onClick={() => askForAll(operation)}
            >
              {`${operation} all that fit …`}
            </button>
          ))}
        </div>
      )}
      {list.value && jobs.length === 0 && <p>No job fits.</p>}
      {jobs.length > 0 && <Table page={page} jobs={jobs} now={list.now} chosen={chosen} choose={choose} />}
      <nav class="buttons" aria-label="More jobs">
        {page.has('cursor') && <a href={pageAddress(page, 'cursor', undefined)}>Newest</a>}
        {cursor && <a href={pageAddress(page, 'cursor', cursor)}>Older</a>}
      </nav>
      {bulk && <ConfirmAll wish={bulk} onDone={() => setBulk(undefined)} />}
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

/** A form as browsers have it: its members become the page's address. What is typed stays when the list comes anew. */
function Filters({ page, onPrefix }: { page: URLSearchParams; onPrefix: (prefix: string) => void }) {
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
          defaultValue={page.get('q') ?? ''}
          placeholder="job_… , words, or member=value"
          onInput={({ currentTarget: { value } }) => prefixOf(value) && onPrefix(value.trim())}
        />
      </label>
      <label>
        Status
        <select name="status">
          <option value="">any</option>
          {STATUSES.map((status) => (
            <option key={status} value={status} selected={status === page.get('status')}>
              {status.replace('_', ' ')}
            </option>
          ))}
        </select>
      </label>
      <label>
        Accepted
        <select name="age">
          <option value="">at any time</option>
          {AGES.map(([value, words]) => (
            <option key={value} value={value} selected={value === page.get('age')}>
              {words}
            </option>
          ))}
        </select>
      </label>
      {(['from', 'to'] as const).map((name) => (
        <label key={name}>
          {name === 'from' ? 'From' : 'Before'}
          <input type="datetime-local" name={name} defaultValue={page.get(name) ?? ''} />
        </label>
      ))}
      {seesTenants && (
        <label>
          Tenant
          <input name="tenant" defaultValue={page.get('tenant') ?? ''} placeholder="of all" />
        </label>
      )}
      <button type="submit">Show</button>
    </form>
  );
}

type TableProps = {
  page: URLSearchParams;
  jobs: readonly Job[];
  now: number;
  chosen: ReadonlySet<string>;
  choose: (ids: readonly string[], isChosen: boolean) => void;
};

function Table({ page, jobs, now, chosen, choose }: TableProps) {
  const all = jobs.map(({ jobId }) => jobId);
  return (
    <table class="jobs">
      <thead>
        <tr>
          {mayOperate && (
            <th>
              <input
                type="checkbox"
                aria-label="Choose all of this page"
                checked={all.every((id) => chosen.has(id))}
                onChange={({ currentTarget }) => choose(all, currentTarget.checked)}
              />
            </th>
          )}
          <th>Job</th>
          {seesTenants && <th>Tenant</th>}
          <th>Status</th>
          <th>Age</th>
          <th>Took</th>
          <th>Attempt</th>
          <th>Cost</th>
        </tr>
      </thead>
      <tbody>
        {jobs.map((job) => (
          <tr key={job.jobId}>
            {mayOperate && (
              <td>
                <input
                  type="checkbox"
                  aria-label={`Choose ${job.jobId}`}
                  checked={chosen.has(job.jobId)}
                  onChange={({ currentTarget }) => choose([job.jobId], currentTarget.checked)}
                />
              </td>
            )}
            <td class="name">
              <a href={`/jobs/${job.jobId}`}>{job.title || job.jobId}</a>
              <small>
                {job.title && <code>{job.jobId}</code>}
                {job.metadata && <span class="metadata">{JSON.stringify(job.metadata)}</span>}
              </small>
            </td>
            {seesTenants && (
              <td data-label="tenant">
                <a href={pageAddress(page, 'tenant', job.tenant)}>{job.tenant}</a>
              </td>
            )}
            <td>
              <Status status={job.status} note={noteOf(job)} />
              {job.failure && <small>{job.failure}</small>}
            </td>
            <td data-label="age" title={formatTime(job.createdAt)}>
              {formatAge(job.createdAt, now)}
            </td>
            <td data-label="took">{tookOf(job, now)}</td>
            <td data-label="attempt">{job.attempt}</td>
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
