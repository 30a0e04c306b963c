/** Submitting over HTTP: the answer says that the job is accepted or, when the client waits, how it has ended. */
import {
  eventTexts,
  isTerminalEvent,
  type JobEvent,
  type Params,
  ProtocolError,
  type Result,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { HttpContext } from './context.ts';
import type { Exchange } from './exchange.ts';

type Submission =
  | { method: 'execute'; params: Params<'execute'> }
  | { method: 'rerun'; params: Params<'rerun'> };

/**
 * Errors: those of `execute` or `rerun`. Once the job is accepted, the answer says so whatever happens.
 *
 * @param wait in seconds
 */
export async function submitJob(
  exchange: Exchange,
  submission: Submission,
  wait: number | undefined,
  context: HttpContext,
): Promise<void> {
  const { result } = await context.requests.perform(exchange.session, submission);
  const terminal = wait === undefined ? undefined : await awaitEnd(exchange, result, wait * 1_000, context);
  exchange.answerJson(
    result.created ? 201 : 200,
    terminal === undefined ? result : { ...result, status: terminal.type, terminal },
    { location: `/v1/jobs/${result.jobId}` },
  );
}

/** The job's terminal event; undefined when there is none in time, or it cannot be waited for now. */
async function awaitEnd(
  exchange: Exchange,
  { jobId }: Result<'execute'>,
  waitMs: number,
  { requests }: HttpContext,
): Promise<TerminalEvent | undefined> {
  const { session } = exchange;
  const ended = Promise.withResolvers<TerminalEvent | undefined>();
  const giveUp = () => ended.resolve(undefined);
  const timer = setTimeout(giveUp, waitMs);
  void exchange.closed.then(giveUp);
  exchange.listen({
    events(batch) {
      const last = JSON.parse(eventTexts(batch).at(-1) ?? '{}') as JobEvent;
      if (isTerminalEvent(last)) ended.resolve(last);
    },
    lost: giveUp,
    goAway: giveUp,
  });
  try {
    const { result: job } = await requests.perform(session, { method: 'get', params: { jobId } });
    if (job.terminal) return job.terminal as TerminalEvent;
    const { epoch, lastSeq: afterSeq } = job;
    const { begin } = await requests.perform(session, {
      method: 'attach',
      params: { jobId, afterSeq, epoch },
    });
    begin?.();
    return await ended.promise;
  } catch (error) {
    if (error instanceof ProtocolError) return undefined;
    throw error;
  } finally {
    clearTimeout(timer);
    session.attachments.remove(jobId);
  }
}
