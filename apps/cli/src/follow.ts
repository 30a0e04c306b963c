/**
 * Shows a job's events until it ends. The exit code is the job's; once nobody reads standard output, we
 * leave and the job is left alone.
 */
import type { Client, JobHandle } from '@cc-executor/client';
import type { JobEvent, TerminalEvent } from '@cc-executor/protocol';
import { isTerminalEvent } from '@cc-executor/protocol/plain';
import { exitCodeOfEnd, exitCodes } from './exit-codes.ts';
import { watchQueue } from './queue-position.ts';
import { createRenderer, type Rendering } from './render.ts';
import type { Screen } from './screen.ts';

/** Resolves with the exit code. Errors: a `ClientError` when the events cannot be had. */
export async function followJob(
  client: Client,
  job: JobHandle,
  {
    screen,
    json,
    onEnd,
  }: { screen: Screen; json: boolean; onEnd?: ((event: TerminalEvent) => void) | undefined },
): Promise<number> {
  const stopTelling = tellTroubles(client, screen);
  let stopWatching = () => {};
  const renderer = createRenderer(screen.colors);
  const render = json ? renderJson : renderer.render;
  try {
    for await (const event of job.events()) {
      stopWatching();
      if (event.type === 'queued' && screen.isWatched) stopWatching = watchQueue(client, job, screen.wait);
      const { text, freshLine, warnings = [], notes = [], waiting } = render(event);
      if (text !== undefined) await screen.write(text, freshLine);
      if (isTerminalEvent(event)) {
        onEnd?.(event);
        screen.stop();
        await screen.finish();
      }
      for (const line of warnings) screen.warn(line);
      for (const line of notes) screen.note(line);
      if (waiting !== undefined) screen.wait(waiting);
      if (screen.isGone) {
        screen.note(`Nobody reads the answer now. To read on: cc-executor attach ${job.jobId}`);
        return exitCodes.completed;
      }
      if (isTerminalEvent(event)) return await exitCodeOf(job, event, screen);
    }
    // Attached after the terminal event: there was nothing to show.
    return exitCodeOfEnd(await job.done());
  } finally {
    stopTelling();
    stopWatching();
    screen.stop();
    await screen.finish();
  }
}

/** A text that is not what was sent is a failure, however the job ended. */
async function exitCodeOf(job: JobHandle, event: TerminalEvent, screen: Screen): Promise<number> {
  if ((await job.digestOk()) !== false) return exitCodeOfEnd(event);
  const warning = `The text is not what its digest says: do not use it. See also: cc-executor verify ${job.jobId}`;
  screen.warn(screen.colors.red(`✖ ${warning}`));
  return exitCodes.failed;
}

function renderJson(event: JobEvent): Rendering {
  return { text: `${JSON.stringify(event)}\n` };
}

function tellTroubles(client: Client, screen: Screen): () => void {
  const { dim, yellow } = screen.colors;
  const stops = [
    client.on('state', (state) => {
      if (state === 'reconnecting') screen.note(yellow('⚠ connection lost; the job goes on. Reconnecting …'));
      if (state === 'connected') screen.note(dim('connected again'));
    }),
    client.on('health', (health) => {
      if (health === 'restored') screen.note(dim('the gateway reads its log again'));
      else screen.note(yellow('⚠ the gateway cannot read its log now; what comes meanwhile is shown later'));
    }),
  ];
  return () => {
    for (const stop of stops) stop();
  };
}
