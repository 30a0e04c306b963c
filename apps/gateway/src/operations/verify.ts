/**
 * Verify: the log's text against the digest in the terminal event, and that digest against Claude's own transcript,
 * which a worker asks claude-api for. Who changed only one of the three is found out.
 */
import type { ReadLog } from '@cc-executor/job-log';
import {
  type Digest,
  isTerminal,
  type NotVerifiableReason,
  notVerifiableReasons,
  ProtocolError,
  type Result,
} from '@cc-executor/protocol';
import type { Logger } from '@cc-executor/runtime';
import type { TranscriptRequests } from '@cc-executor/signals';
import type { Operation } from './operation.ts';
import { readJobText } from './read-job-text.ts';
import { createTextDigest } from './text-digest.ts';

type Found = Result<'verify'>;

/** What others say is cut beyond it (UTF-16 units). */
const MAX_MESSAGE_LENGTH = 2_000;

/**
 * @param options.transcriptAnswerMs how long to wait for a worker's answer; default 10 s
 * Errors: `job_not_found`.
 */
export function createVerify(options: {
  readLog: ReadLog;
  transcripts: TranscriptRequests;
  logger: Logger;
  transcriptAnswerMs?: number;
}): Operation<'verify'> {
  const { readLog, transcripts, logger, transcriptAnswerMs = 10_000 } = options;

  async function verify(tenant: string, jobId: string): Promise<Found> {
    const stored = await readLog.get(tenant, jobId);
    if (!stored) throw new ProtocolError('job_not_found');
    if (!isTerminal(stored.job.status)) return notVerifiable('not_ended');
    const read = await readJobText(readLog, { tenant, jobId }, () => createTextDigest());
    if (read === undefined) throw new ProtocolError('job_not_found');
    if ('fault' in read) return mismatch('log', `The log was changed: ${read.fault}`);
    const { terminal } = read;
    const { digest: found, tail } = read.text.end();
    const { digest, executionId } = terminal;
    const known = { ...(digest && { digest }), ...(executionId && { executionId }) };
    return { ...known, ...(judgeLog() ?? (await judgeTranscript())) };

    function judgeLog(): Found | undefined {
      if (digest === undefined) return notVerifiable('no_digest');
      if (!isSame(found, digest)) {
        return mismatch(
          'log',
          `The ${found.bytes} bytes of text in the log are not the ${digest.bytes} bytes that the terminal event names`,
        );
      }
      const answer = terminal.type === 'completed' ? terminal.text : undefined;
      if (answer === undefined || tail.endsWith(answer)) return undefined;
      return mismatch('log', "The terminal event's text is not the end of the text in the log");
    }

    async function judgeTranscript(): Promise<Found> {
      if (executionId === undefined) return notVerifiable('no_execution');
      const answer = await transcripts.ask(executionId, tenant, transcriptAnswerMs);
      if (answer === undefined) return notVerifiable('no_worker_answered');
      if ('reason' in answer) {
        // Said by a service that need not be ours, at any length.
        const [reason, message] = [answer.reason.slice(0, 100), answer.message.slice(0, MAX_MESSAGE_LENGTH)];
        return { verdict: 'not_verifiable', reason, message };
      }
      if (isSame(found, answer)) {
        const message = `Claude's own transcript has the same ${answer.bytes} bytes of text as the log`;
        return { verdict: 'verified', message };
      }
      // What was under way when it was stopped stands in one of the two and not in the other.
      if (terminal.type !== 'completed' && (await isCutOff(answer))) return notVerifiable('cut_off');
      const message = `The ${found.bytes} bytes of text in the log are not the ${answer.bytes} bytes in Claude's own transcript`;
      return mismatch('transcript', message);
    }

    async function isCutOff(transcript: Digest): Promise<boolean> {
      if (transcript.bytes > found.bytes) return true;
      const beginning = () => createTextDigest(transcript.bytes);
      const again = await readJobText(readLog, { tenant, jobId }, beginning);
      return again !== undefined && 'text' in again && isSame(again.text.end().digest, transcript);
    }
  }

  return async ({ tenant }, { jobId }) => {
    const result = await verify(tenant, jobId);
    const { verdict, part, reason } = result;
    logger.info({ jobId, verdict, part, reason }, 'job verified');
    return { result };
  };
}

function isSame(one: Digest, other: Digest): boolean {
  return one.bytes === other.bytes && one.sha256 === other.sha256;
}

function mismatch(part: 'log' | 'transcript', message: string): Found {
  return { verdict: 'mismatch', part, message };
}

function notVerifiable(reason: NotVerifiableReason): Found {
  return { verdict: 'not_verifiable', reason, message: notVerifiableReasons[reason] };
}
