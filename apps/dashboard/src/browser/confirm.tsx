/** Asks before jobs are changed, naming each that will be, and tells what became of each. */
import { useEffect, useRef, useState } from 'preact/hooks';
import { type Operation, operate } from './gateway.ts';

export type Wish = { operation: Operation; jobs: readonly { jobId: string; title?: string | undefined }[] };

const QUESTIONS: Record<Operation, string> = {
  cancel: 'Cancel for good?',
  pause: 'Pause?',
  resume: 'Go on?',
  rerun: 'Run again, as new jobs?',
};

/** @param props.onDone when it is closed, whether something was done or not */
export function Confirm({ wish, onDone }: { wish: Wish; onDone: () => void }) {
  const dialog = useRef<HTMLDialogElement>(null);
  const [outcomes, setOutcomes] = useState<Record<string, string>>();
  // A rerun that is sent twice is one.
  const keys = useRef(wish.jobs.map(() => randomKey()));
  useEffect(() => dialog.current?.showModal(), []);

  async function carryOut(): Promise<void> {
    setOutcomes({});
    for (const [index, { jobId }] of wish.jobs.entries()) {
      const words = await operate(jobId, wish.operation, keys.current[index] ?? '').catch(
        (error: Error) => error.message,
      );
      setOutcomes((before) => ({ ...before, [jobId]: words }));
    }
  }

  return (
    <dialog ref={dialog} onClose={onDone} aria-labelledby="question">
      <h2 id="question">{QUESTIONS[wish.operation]}</h2>
      <ul class="hits">
        {wish.jobs.map(({ jobId, title }) => (
          <li key={jobId}>
            <code>{jobId}</code> {title}
            {outcomes?.[jobId] && <strong> {outcomes[jobId]}</strong>}
          </li>
        ))}
      </ul>
      <form method="dialog" class="buttons">
        {outcomes === undefined && (
          <button type="button" class="primary" onClick={carryOut}>
            {`${wish.operation} ${wish.jobs.length === 1 ? 'this job' : `${wish.jobs.length} jobs`}`}
          </button>
        )}
        <button type="submit">{outcomes === undefined ? 'Leave it' : 'Close'}</button>
      </form>
    </dialog>
  );
}

/** Also on a page that came over plain HTTP, where browsers give no UUIDs. */
function randomKey(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(16)), (byte) =>
    byte.toString(16).padStart(2, '0'),
  ).join('');
}
