/** A job's events as they come, to its end: a stream that ends before is resumed where it was. */
import { isTerminalEvent } from '@cc-executor/protocol/plain';
import { useEffect, useState } from 'preact/hooks';
import { readEvents } from './gateway.ts';
import { createStory, type Story } from './story.ts';

const AGAIN_MS = 2_000;
/** How long what has come may wait to be shown: there may be hundreds of outputs a second. */
const SHOW_MS = 100;

export type LiveStory = {
  story: Story;
  state: 'live' | 'ended' | 'lost' | 'waiting';
  trouble: string | undefined;
};

export function useStory(jobId: string): LiveStory {
  const [live, setLive] = useState<LiveStory>(() => ({
    story: createStory(),
    state: 'waiting',
    trouble: undefined,
  }));
  useEffect(() => {
    const stop = new AbortController();
    const { story } = live;
    let timer: ReturnType<typeof setTimeout> | undefined;
    let next: LiveStory = live;

    function show(state: LiveStory['state'], trouble?: string): void {
      next = { story, state, trouble };
      timer ??= setTimeout(() => {
        timer = undefined;
        setLive(next);
      }, SHOW_MS);
    }

    async function follow(): Promise<void> {
      while (!stop.signal.aborted) {
        try {
          for await (const lines of readEvents(jobId, { after: story.lastSeq(), signal: stop.signal })) {
            for (const line of lines) {
              if ('seq' in line) story.take(line);
              if ('seq' in line && isTerminalEvent(line)) return show('ended');
              if (line.type === 'job_lost') return show('lost', line.reason);
            }
            show('live');
          }
        } catch (error) {
          if (stop.signal.aborted) return;
          show('waiting', (error as Error).message);
        }
        await new Promise((resolve) => setTimeout(resolve, AGAIN_MS));
      }
    }

    void follow();
    return () => {
      stop.abort();
      clearTimeout(timer);
    };
  }, [jobId]);
  return live;
}
