/** One job: its timeline at the left, all else about it at the right, live to its end. */
import { type GetResult, isTerminal, type TerminalEvent } from '@cc-executor/protocol/plain';
import { useState } from 'preact/hooks';
import { Confirm, type Wish } from './confirm.tsx';
import { useCopying } from './copying.ts';
import { Frame, Status, Trouble } from './frame.tsx';
import { useFresh } from './fresh.ts';
import { getJob, type Operation } from './gateway.ts';
import { gatewayOrigin } from './gateway-origin.ts';
import { codeOfJob } from './job-code.ts';
import { Costs, Delivery, Facts, Tools } from './job-details.tsx';
import { noteOf } from './jobs-page.tsx';
import { type LiveStory, useStory } from './live-story.ts';
import { mayOperate, visitor } from './session.ts';
import { Waterfall } from './waterfall.tsx';

export function JobPage({ jobId }: { jobId: string }) {
  const fresh = useFresh((signal) => getJob(jobId, signal), { key: jobId });
  const live = useStory(jobId);
  const job = fresh.value;
  const now = job?.endedAt ?? fresh.now;
  return (
    <Frame title={jobId}>
      <h1>
        {job?.title || 'Job'} {job && <Status status={job.status} note={noteOf(job)} />}
      </h1>
      <p>
        <code>{jobId}</code>
      </p>
      <Trouble text={fresh.trouble ?? live.trouble} />
      <Actions jobId={jobId} job={job} />
      <div class="panels">
        <section>
          <h2>What happened</h2>
          <Waterfall moments={live.story.moments()} moreTools={live.story.moreTools()} now={now} />
        </section>
        <div>
          {job && <Facts job={job} now={now} />}
          <Output live={live} />
          <Tools tools={live.story.tools()} more={live.story.moreTools()} />
          <Costs end={job?.terminal as TerminalEvent | undefined} />
          {job && <Delivery job={job} />}
        </div>
      </div>
    </Frame>
  );
}

function Actions({ jobId, job }: { jobId: string; job: GetResult | undefined }) {
  const [wish, setWish] = useState<Wish>();
  const [copied, copy] = useCopying();
  const isOver = job !== undefined && isTerminal(job.status);
  const isPaused = job?.pausedAt !== undefined || job?.pauseRequested === true;
  const possible: Record<Operation, boolean> = {
    cancel: job !== undefined && !isOver,
    pause: job !== undefined && !isOver && !isPaused,
    resume: !isOver && isPaused,
    rerun: isOver,
  };
  const copies = codeOfJob(jobId, { origin: gatewayOrigin(), asksWho: visitor !== undefined });

  return (
    <div class="buttons">
      {(mayOperate ? (Object.keys(possible) as Operation[]) : []).map((operation) => (
        <button
          key={operation}
          type="button"
          disabled={!possible[operation]}
          onClick={() => setWish({ operation, jobs: [{ jobId, title: job?.title }] })}
        >
          {operation}
        </button>
      ))}
      {Object.entries(copies).map(([name, text]) => (
        <button key={name} type="button" onClick={() => copy(name, text)}>{`copy as ${name}`}</button>
      ))}
      <output>{copied}</output>
      {wish && <Confirm wish={wish} onDone={() => setWish(undefined)} />}
    </div>
  );
}

const STATES: Record<LiveStory['state'], string> = {
  live: 'live',
  ended: '',
  lost: 'its log is lost',
  waiting: 'connecting …',
};

/** As text, whatever it is. */
function Output({ live: { story, state } }: { live: LiveStory }) {
  const { head, cut, tail } = story.output();
  const isHidden = document.documentElement.dataset.content === 'hidden';
  return (
    <section>
      <h2>
        Output <small>{STATES[state]}</small>
      </h2>
      {isHidden && <p>Hidden here: DASHBOARD_SHOW_CONTENT is off.</p>}
      {head !== '' && (
        // biome-ignore lint/a11y/noNoninteractiveTabindex: it scrolls, which not every browser lets the keyboard do otherwise
        <pre class="output" tabIndex={0}>
          {head}
          {cut > 0 && <strong>{`\n\n… ${cut} characters are left out here …\n\n`}</strong>}
          {tail}
        </pre>
      )}
    </section>
  );
}
