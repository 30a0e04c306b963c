/** Has whoever submits a job listen to it from its beginning. */
import type { WishLog } from '@cc-executor/job-log';
import { ProtocolError, type Result } from '@cc-executor/protocol';
import { ConnectionClosedError } from '../listening/read-turns.ts';
import type { Answer } from './operation.ts';
import type { Session } from './session.ts';

/** The answer to `execute` and `rerun`. */
type Submitted = Omit<Answer<'execute'>, 'result'> & { result: Result<'execute'> };
type Wanted = { attach?: boolean | undefined; batches?: boolean | undefined };

/** Accepts a job and listens to it, unless that is not wanted. */
export type Listen = (
  session: Session,
  wanted: Wanted,
  accept: () => Promise<Result<'execute'>>,
) => Promise<Submitted>;

/** Errors: `too_many_attachments`, `quota_exceeded`, those of accept. Once the job is accepted, its answer says so whatever happens. */
export function createListen({ wishLog }: { wishLog: WishLog }): Listen {
  /** Without listening there is nobody to cancel for: a client that cannot come back has lost its job. */
  async function listen(
    session: Session,
    jobId: string,
    { isTogether, place }: { isTogether: boolean | undefined; place: () => void },
  ): Promise<Omit<Submitted, 'result'>> {
    try {
      const { begin } = await session.attachments.add(
        { tenant: session.tenant, jobId },
        { afterSeq: 0, isTogether },
        place,
      );
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

  return async (session, { attach, batches }, accept) => {
    if (attach === false) return { result: await accept() };
    const place = await session.attachments.reserve();
    const result = await accept().catch((error) => {
      place();
      throw error;
    });
    return { result, ...(await listen(session, result.jobId, { isTogether: batches, place })) };
  };
}
