/** One job of a conversation: what was asked, what is answered, and what can be done meanwhile. */
import type { Client, TerminalEvent } from '@cc-executor/client';
import { useEffect, useRef, useState } from 'preact/hooks';
import { formatCost, formatDuration } from '../format.ts';
import { Status, Trouble } from '../frame.tsx';
import { ToolDetails } from '../job-details.tsx';
import { Markdown } from '../markdown.tsx';
import type { Attachment } from './attachments.ts';
import { type LiveAnswer, useAnswer } from './use-answer.ts';

export type Asked = {
  jobId: string;
  prompt: string;
  /** Of one that was just sent. */
  attachments?: readonly Attachment[];
};

/** @param props.onEnd called when its last event has come */
export function Turn({
  client,
  asked: { jobId, prompt, attachments },
  onEnd,
}: {
  client: Client;
  asked: Asked;
  onEnd: ((jobId: string, end: TerminalEvent) => void) | undefined;
}) {
  const live = useAnswer(client, jobId);
  const { end } = live;
  const article = useRef<HTMLElement>(null);
  useEffect(() => {
    if (attachments) article.current?.scrollIntoView();
  }, []);
  useEffect(() => {
    if (end) onEnd?.(jobId, end);
  }, [end]);
  return (
    <article class="turn" ref={article}>
      <div class="asked">
        <p>{prompt}</p>
        {attachments?.map(({ name, mediaType, data }) =>
          mediaType.startsWith('image/') ? (
            <img key={name} src={`data:${mediaType};base64,${data}`} alt={name} />
          ) : (
            <span key={name}>{name}</span>
          ),
        )}
      </div>
      {live.cut > 0 && <p class="dim">{live.cut} characters are left out before this.</p>}
      {live.parts.map((part) =>
        part.kind === 'text' ? (
          <Markdown key={`text ${part.seq}`} text={part.text} />
        ) : (
          <ToolDetails key={part.use.started.toolUseId} use={part.use} />
        ),
      )}
      {live.moreTools > 0 && <p class="dim">and {live.moreTools} more tools</p>}
      {end?.type === 'failed' && <p class="trouble">{end.error.message}</p>}
      <Trouble text={live.trouble} />
      <div class="buttons">
        <span role="status">
          <Status status={live.status} />
        </span>
        <Controls client={client} jobId={jobId} live={live} />
        <small>{factsOf(live)}</small>
        <a href={`/jobs/${jobId}`}>its page</a>
      </div>
    </article>
  );
}

function Controls({ client, jobId, live }: { client: Client; jobId: string; live: LiveAnswer }) {
  const [trouble, setTrouble] = useState<string>();
  if (live.end) return null;
  const isPaused = live.status === 'paused';

  async function wish(what: 'cancel' | 'pause' | 'resume'): Promise<void> {
    setTrouble(undefined);
    await client[what](jobId).catch((error: Error) => setTrouble(error.message));
  }

  return (
    <>
      <button type="button" onClick={() => wish('cancel')}>
        Cancel
      </button>
      <button type="button" onClick={() => wish(isPaused ? 'resume' : 'pause')}>
        {isPaused ? 'Resume' : 'Pause'}
      </button>
      <Trouble text={trouble} />
    </>
  );
}

/** That nothing is missing is told where it can be known. */
function factsOf({ events, isWhole, digestOk, end }: LiveAnswer): string {
  return [
    `${events} events${isWhole ? ', none missing' : ', some missing'}`,
    digestOk !== undefined && (digestOk ? 'text as its digest says' : 'text not as its digest says'),
    end?.durationMs !== undefined && formatDuration(end.durationMs),
    end?.costUsd !== undefined && formatCost(end.costUsd),
  ]
    .filter((fact) => fact !== false)
    .join(' · ');
}
