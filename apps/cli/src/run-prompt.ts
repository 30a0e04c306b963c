/** What `cc-executor run` and `rerun` do: start a job, follow it, and cancel it when interrupted. */
import type { Client, JobHandle } from '@cc-executor/client';
import type { TerminalEvent } from '@cc-executor/protocol';
import type { RunOptions } from './commands/run.ts';
import { lastConversation, type Place, placeOf, rememberConversation } from './conversations.ts';
import { describeError } from './describe-error.ts';
import { buildExecuteParams } from './execute-params.ts';
import { exitCodes } from './exit-codes.ts';
import { followJob } from './follow.ts';
import { handleInterrupts } from './interrupts.ts';
import { withClient } from './open-client.ts';
import { readPrompt } from './read-prompt.ts';
import { createScreen, type Screen } from './screen.ts';
import { UsageError } from './usage-error.ts';

/** Resolves with the exit code. Errors: `UsageError`, `ConfigError`, `ClientError`. */
export async function runPrompt(argument: string | undefined, options: RunOptions): Promise<number> {
  const place = placeOf(options.url);
  const asked = options.continue ? { ...options, conversation: findConversation(place, options) } : options;
  const params = buildExecuteParams(await readPrompt(argument), asked);
  return startAndFollow(
    (client) => client.execute(params),
    options,
    ({ conversation }) => {
      if (conversation !== undefined) rememberConversation(place, conversation);
    },
  );
}

function findConversation(place: Place, { conversation }: RunOptions): string {
  if (conversation !== undefined)
    throw new UsageError('name a conversation, or --continue the last, not both');
  const last = lastConversation(place);
  if (last !== undefined) return last;
  const where = `in ${place.directory} with ${place.url}, profile ${place.profile}`;
  throw new UsageError(`there is no conversation to continue: none was had ${where}`);
}

/**
 * Starts a job and shows it to its end, or with `detach` its id. Resolves with the exit code. Errors: `ClientError`, `ConfigError`.
 *
 * @param onEnd told how the job ended
 */
export async function startAndFollow(
  start: (client: Client) => Promise<JobHandle>,
  options: Pick<RunOptions, 'url' | 'json' | 'quiet' | 'plain' | 'detach'>,
  onEnd?: (event: TerminalEvent) => void,
): Promise<number> {
  const json = options.json === true;
  const screen = createScreen({ quiet: options.quiet === true, json, plain: options.plain === true });
  const cancellation = prepareCancellation(screen);
  screen.wait('connecting');
  try {
    return await withClient(options.url, async (client) => {
      if (options.detach) return await submit(await start(client), screen, json);
      cancellation.isSent = true;
      const job = await start(client);
      cancellation.accepted(job);
      return await followJob(client, job, { screen, json, onEnd });
    });
  } finally {
    screen.stop();
    cancellation.end();
  }
}

async function submit({ jobId, epoch, created }: JobHandle, screen: Screen, json: boolean): Promise<number> {
  screen.stop();
  await screen.write(`${json ? JSON.stringify({ jobId, epoch, created }) : jobId}\n`);
  return exitCodes.completed;
}

/** The job an interrupt cancels: none yet, one that is asked for but not accepted, or one that runs. */
function prepareCancellation(screen: Screen) {
  let job: JobHandle | undefined;
  let isWanted = false;

  function cancel(accepted: JobHandle): void {
    accepted.cancel().then(
      ({ accepted: first, status }) => {
        if (!first) screen.note(`The job had ended already: ${status}.`);
      },
      (error: unknown) => screen.warn(`The job could not be cancelled: ${describeError(error).message}`),
    );
  }

  const end = handleInterrupts(
    () => {
      if (!cancellation.isSent) return false;
      isWanted = true;
      screen.warn(`Cancelling ${job?.jobId ?? 'the job'} … (Ctrl-C again leaves at once)`);
      if (job) cancel(job);
      return true;
    },
    () => {
      if (cancellation.isSent)
        screen.warn(`Left. cc-executor get ${job?.jobId ?? 'JOB'} tells how it ended.`);
      screen.stop();
    },
  );

  const cancellation = {
    /** The gateway may have accepted it: leaving now would leave it running. */
    isSent: false,
    accepted(handle: JobHandle) {
      job = handle;
      if (isWanted) cancel(handle);
    },
    end,
  };
  return cancellation;
}
