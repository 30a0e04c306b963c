/** What `verify` finds: whether a job's log is what Claude Code itself wrote down. */
import { z } from 'zod';
import { digestSchema } from './event-table.ts';

/** Why a job can be neither confirmed nor refuted. A test keeps PROTOCOL.md equal to this. */
export const notVerifiableReasons = {
  not_ended: 'The job has not ended yet.',
  no_digest:
    'Its terminal event has no digest: no answer had begun, its worker was lost, or its output could not be kept.',
  no_execution: 'The service that ran it did not name its execution: it is not a claude-api of ours.',
  no_worker_answered: 'No worker answered in time.',
  upstream_unreachable: 'claude-api could not be asked, or not at all of its addresses.',
  demo_engine: 'The demo engine ran it: there is no Claude, and no transcript.',
  unknown_execution: 'claude-api does not know the execution, or has forgotten it.',
  under_way: 'For claude-api the execution is under way, or was lost with the server that ran it.',
  not_kept: 'claude-api keeps no transcripts.',
  transcript_missing: 'Claude Code has no transcript of the execution; it may have been removed.',
  cut_off:
    'The job did not complete, and transcript and log end at different places; up to there nothing differs.',
} as const;

export type NotVerifiableReason = keyof typeof notVerifiableReasons;

export const verifyResultSchema = z.object({
  verdict: z.enum(['verified', 'not_verifiable', 'mismatch']),
  /** Of a mismatch. `log`: the events are not what the terminal event says; `transcript`: Claude's own record is not. */
  part: z.enum(['log', 'transcript']).optional(),
  /** Of what is not verifiable: one of `notVerifiableReasons`, or of a newer claude-api's. */
  reason: z.string().optional(),
  /** For people. */
  message: z.string(),
  /** Of the terminal event. */
  digest: digestSchema.optional(),
  executionId: z.string().optional(),
});
