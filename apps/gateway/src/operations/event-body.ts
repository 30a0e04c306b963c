/** Event body: the whole message of an event that holds a shortened one, a page at a time. */
import type { ReadLog } from '@cc-executor/job-log';
import { ProtocolError } from '@cc-executor/protocol';
import type { Operation } from './operation.ts';

/** Errors: `job_not_found`, `body_not_found`, `invalid_params` where no page begins at the offset. */
export function createEventBody({ readLog }: { readLog: ReadLog }): Operation<'eventBody'> {
  return async ({ tenant, reads }, { jobId, seq, offset = 0 }) => {
    const found = await reads.take(() => readLog.body(tenant, jobId, { seq, offset }));
    if (!found) throw new ProtocolError('job_not_found');
    if (found.code !== 'page') {
      if (found.code === 'no_body') throw new ProtocolError('body_not_found');
      throw new ProtocolError('invalid_params', 'offset: no page begins there; use 0, then `nextOffset`');
    }
    const { bytes, sha256, text } = found;
    const end = offset + Buffer.byteLength(text);
    return { result: { bytes, sha256, offset, text, ...(end < bytes ? { nextOffset: end } : {}) } };
  };
}
