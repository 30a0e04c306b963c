/** Execute: accepts a job and, unless told otherwise, listens to it from its beginning. */
import type { WishLog } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Accept } from './accept.ts';
import type { Answer, Operation } from './operation.ts';
import type { Session } from './session.ts';

/** Errors: `too_many_attachments`, those of accept. Once the job is accepted, its answer says so whatever happens. */
export function createExecute({
  accept,
  wishLog,
}: {
  accept: Accept;
  wishLog: WishLog;
}): Operation<'execute'> {
  /** Without listening there is nobody to cancel for: a client that cannot come back has lost its job. */
  async function listen(
    session: Session,
    jobId: string,
    isTogether: boolean | undefined,
  ): Promise<Omit<Answer<'execute'>, 'result'>> {
    try {
      const { begin } = await session.attachments.add(jobId, { afterSeq: 0, isTogether });
      return { begin };
    } catch (error) {
      if (error instanceof ProtocolError && error.code === 'already_attached') return {};
      if (!session.canReturn) {
        await wishLog.cancel(session.tenant, jobId, 'disconnect').catch(() => undefined);
        throw error;
      }
      if (error instanceof ConnectionClosedError) throw error;
      session.logger.warn({ err: error, jobId }, 'accepted, but could not attach');
      return { mustReturn: true };
    }
  }

  return async (session, params) => {
    if (params.attach === false) return { result: await accept(session.tenant, params) };
    if (session.attachments.isFull()) throw new ProtocolError('too_many_attachments');
    const result = await accept(session.tenant, params);
    return { result, ...(await listen(session, result.jobId, params.batches)) };
  };
}
