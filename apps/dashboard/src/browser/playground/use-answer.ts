/** Follows a job from its first event to its end, whatever becomes of the connection. */
import { type Client, ClientError } from '@cc-executor/client';
import { useEffect, useState } from 'preact/hooks';
import { type Answer, createAnswerFold } from './answer.ts';

/** How long what has come may wait to be shown: there may be hundreds of outputs a second. */
const SHOW_MS = 100;
/** The SDK goes on with what it has attached to; for the first time somebody has to ask again. */
const AGAIN_MS = 2_000;

export type LiveAnswer = Answer & {
  trouble?: string | undefined;
  /** Whether the text is what the job's end says it is; undefined before, and where that cannot be told. */
  digestOk?: boolean | undefined;
};

export function useAnswer(client: Client, jobId: string): LiveAnswer {
  const [live, setLive] = useState<LiveAnswer>(() => createAnswerFold().answer());
  useEffect(() => {
    const stop = new AbortController();
    const { signal } = stop;
    const fold = createAnswerFold();
    let timer: ReturnType<typeof setTimeout> | undefined;
    let more: Pick<LiveAnswer, 'trouble' | 'digestOk'> = {};

    function show(news: typeof more = {}): void {
      more = news;
      timer ??= setTimeout(() => {
        timer = undefined;
        setLive({ ...fold.answer(), ...more });
      }, SHOW_MS);
    }

    async function follow(): Promise<void> {
      const job = await client.attach(jobId, { signal });
      signal.addEventListener('abort', () => job.detach(), { once: true });
      for await (const event of job.events({ signal })) {
        fold.take(event);
        show();
      }
      show({ digestOk: await job.digestOk() });
    }

    function begin(): void {
      follow().catch((error: Error) => {
        if (signal.aborted) return;
        show({ trouble: error.message });
        if (error instanceof ClientError && error.code === 'connect_failed')
          again = setTimeout(begin, AGAIN_MS);
      });
    }

    let again: ReturnType<typeof setTimeout> | undefined;
    begin();
    return () => {
      stop.abort();
      clearTimeout(timer);
      clearTimeout(again);
    };
  }, [client, jobId]);
  return live;
}
