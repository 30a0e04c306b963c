/**
 * Verify: the log's text against the digest in the terminal event, and that digest against Claude's own transcript,
 * which a worker asks claude-api for. Who changed only one of the three is found out.
 */
import { createHash } from 'node:crypto';
import type { ReadLog } from '@cc-executor/job-log';
import {
  type Digest,
  isTerminal,
  type NotVerifiableReason,
  notVerifiableReasons,
  ProtocolError,
  type Result,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { Logger } from '@cc-executor/runtime';
import type { TranscriptAnswer, TranscriptRequests } from '@cc-executor/signals';
import type { Operation } from './operation.ts';
import { type JobText, readJobText } from './read-job-text.ts';

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
  let reading: Promise<unknown> = Promise.resolve();

  /** One log at a time: each is held in memory whole. */
  function readInTurn(tenant: string, jobId: string): Promise<JobText | undefined> {
    const turn = reading.then(() => readJobText(readLog, tenant, jobId));
    reading = turn.catch(() => undefined);
    return turn;
  }

  async function verify(tenant: string, jobId: string): Promise<Found> {
    const stored = await readLog.get(tenant, jobId);
    if (!stored) throw new ProtocolError('job_not_found');
    if (!isTerminal(stored.job.status)) return notVerifiable('not_ended');
    const read = await readInTurn(tenant, jobId);
    if (read === undefined) throw new ProtocolError('job_not_found');
    if ('fault' in read) return mismatch('log', `The log was changed: ${read.fault}`);
    const { text, terminal } = read;
    const { digest, executionId } = terminal;
    const known = { ...(digest && { digest }), ...(executionId && { executionId }) };
    return { ...known, ...((await judgeLog()) ?? (await judgeTranscript())) };

    async function judgeLog(): Promise<Found | undefined> {
      if (digest === undefined) return notVerifiable('no_digest');
      if (!isDigestOf(text, digest)) {
        return mismatch(
          'log',
          `The ${text.length} bytes of text in the log are not the ${digest.bytes} bytes that the terminal event names`,
        );
      }
      const answer = terminal.type === 'completed' ? terminal.text : undefined;
      if (answer === undefined || text.toString().endsWith(answer)) return undefined;
      return mismatch('log', "The terminal event's text is not the end of the text in the log");
    }

    async function judgeTranscript(): Promise<Found> {
      if (executionId === undefined) return notVerifiable('no_execution');
      const answer = await transcripts.ask(executionId, tenant, transcriptAnswerMs);
      if (answer === undefined) return notVerifiable('no_worker_answered');
      return compareTranscript(text, terminal, answer);
    }
  }

  return async ({ tenant }, { jobId }) => {
    const result = await verify(tenant, jobId);
    const { verdict, part, reason } = result;
    logger.info({ jobId, verdict, part, reason }, 'job verified');
    return { result };
  };
}

function compareTranscript(text: Buffer, { type }: TerminalEvent, answer: TranscriptAnswer): Found {
  if ('reason' in answer) {
    // Said by a service that need not be ours, at any length.
    const [reason, message] = [answer.reason.slice(0, 100), answer.message.slice(0, MAX_MESSAGE_LENGTH)];
    return { verdict: 'not_verifiable', reason, message };
  }
  if (isDigestOf(text, answer)) {
    const message = `Claude's own transcript has the same ${answer.bytes} bytes of text as the log`;
    return { verdict: 'verified', message };
  }
  // What was under way when it was stopped stands in one of the two and not in the other.
  const isCutOff =
    type !== 'completed' &&
    (answer.bytes > text.length || isDigestOf(text.subarray(0, answer.bytes), answer));
  if (isCutOff) return notVerifiable('cut_off');
  const message = `The ${text.length} bytes of text in the log are not the ${answer.bytes} bytes in Claude's own transcript`;
  return mismatch('transcript', message);
}

function isDigestOf(text: Buffer, { bytes, sha256 }: Digest): boolean {
  return text.length === bytes && createHash('sha256').update(text).digest('hex') === sha256;
}

function mismatch(part: 'log' | 'transcript', message: string): Found {
  return { verdict: 'mismatch', part, message };
}

function notVerifiable(reason: NotVerifiableReason): Found {
  return { verdict: 'not_verifiable', reason, message: notVerifiableReasons[reason] };
}
