/** Asks before all jobs that fit a filter are cancelled or run again: how many there are, as the gateway counts, and which the newest are. */
import type { CountResult, Job } from '@cc-executor/protocol/plain';
import { useEffect, useRef, useState } from 'preact/hooks';
import { cancelAll, rerunAll } from './bulk.ts';
import { countJobs, listJobs } from './gateway.ts';

export type BulkWish = { operation: 'cancel' | 'rerun'; filter: URLSearchParams };

const SHOWN = '5';

type Hits = { count: CountResult; newest: readonly Job[] };

/** @param props.wish.filter ends at a time, so that what is accepted from now on is not hit */
export function ConfirmAll({ wish, onDone }: { wish: BulkWish; onDone: () => void }) {
  const { operation, filter } = wish;
  const dialog = useRef<HTMLDialogElement>(null);
  const [hits, setHits] = useState<Hits>();
  const [words, setWords] = useState('counting …');
  const [state, setState] = useState<'asking' | 'running' | 'over'>('asking');
  const stop = useRef(new AbortController());

  useEffect(() => {
    dialog.current?.showModal();
    const { signal } = stop.current;
    const some = new URLSearchParams([...filter, ['limit', SHOWN]]);
    Promise.all([countJobs(filter, signal), listJobs(some, signal)]).then(
      ([count, { jobs: newest }]) => {
        setHits({ count, newest });
        setWords('');
      },
      (error: Error) => setWords(error.message),
    );
    return () => stop.current.abort();
  }, []);

  async function carryOut(): Promise<void> {
    setState('running');
    const { signal } = stop.current;
    const tell = (done: number) => setWords(`${done} done …`);
    const work = operation === 'cancel' ? cancelAll : rerunAll;
    setWords(await work(filter, { signal, tell }).catch((error: Error) => error.message));
    setState('over');
  }

  const number = hits && `${hits.count.jobs.toLocaleString()}${hits.count.hasMore ? ' or more' : ''}`;
  const noun = hits?.count.jobs === 1 ? 'job' : 'jobs';
  return (
    <dialog ref={dialog} onClose={onDone} aria-labelledby="question">
      <h2 id="question">
        {operation === 'cancel' ? 'Cancel for good all that fit?' : 'Run again all that fit, as new jobs?'}
      </h2>
      <p>
        <code>{describe(filter)}</code>
      </p>
      {hits && (
        <p>
          <strong>{`${number} ${noun}`}</strong>
          {hits.newest.length > 0 && ', the newest of them:'}
        </p>
      )}
      <ul class="hits">
        {hits?.newest.map(({ jobId, title }) => (
          <li key={jobId}>
            <code>{jobId}</code> {title}
          </li>
        ))}
      </ul>
      <p role="status">{words}</p>
      <form method="dialog" class="buttons">
        {hits && hits.count.jobs > 0 && state === 'asking' && (
          <button type="button" class="primary" onClick={carryOut}>
            {`${operation} ${number} ${noun}`}
          </button>
        )}
        <button type="submit">{{ asking: 'Leave it', running: 'Stop', over: 'Close' }[state]}</button>
      </form>
    </dialog>
  );
}

/** The end of it is now. */
function describe(filter: URLSearchParams): string {
  const parts = [...filter].filter(([name]) => name !== 'before');
  return parts.map(([name, value]) => `${name} ${value}`).join(', ') || 'all jobs';
}
