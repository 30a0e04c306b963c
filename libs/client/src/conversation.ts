/** One conversation with Claude: jobs one after another, each of which goes on where the one before it ended. */
import type { ExecuteParams } from '@cc-executor/protocol/plain';
import { abortable, type CallOptions } from './abort.ts';
import type { JobHandle } from './job-handle.ts';

export type Conversation = {
  /** What continues it, also from elsewhere; undefined until the first job has ended. */
  readonly id: string | undefined;
  /**
   * Starts the next job, when the one before it has ended. Errors: those of `execute`. A job that failed, or was
   * cancelled, ends no conversation.
   */
  send(params: string | Omit<ExecuteParams, 'conversation'>, call?: CallOptions): Promise<JobHandle>;
};

/** `id`: of one that was begun earlier. */
export function createConversation(
  execute: (params: ExecuteParams, call?: CallOptions) => Promise<JobHandle>,
  id?: string,
): Conversation {
  let current = id;
  /** Settles when the last job that was sent has ended. */
  let last: Promise<void> = Promise.resolve();

  async function follow(job: JobHandle): Promise<void> {
    const { conversation } = await job.done();
    current = conversation ?? current;
  }

  return {
    get id() {
      return current;
    },
    send(params, call) {
      const asked = typeof params === 'string' ? { prompt: params } : params;
      const started = abortable(call?.signal, last).then(() =>
        execute({ ...asked, ...(current !== undefined && { conversation: current }) }, call),
      );
      last = Promise.allSettled([last, started.then(follow)]).then(() => {});
      return started;
    },
  };
}
