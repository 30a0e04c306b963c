/** What a call to claude-api gives: events, and as the last one its outcome, exactly one. */
import type { ClaudeOptions } from '@cc-executor/claude-options';
import type { RunEvent } from '@cc-executor/claude-stream';
import type { Digest, FailureCode, RunSummary, TerminalBody } from '@cc-executor/protocol';

/** What claude-api is asked. */
export type UpstreamRequest = {
  /** Whose it is; undefined: the default tenant's. Older services ignore it. */
  tenant?: string;
  executionId: string;
  question: string;
  /** After so long, in ms, claude-api itself ends the execution, whatever becomes of us. Older services ignore it. */
  timeoutMs?: number;
  /** Of what the call is a part. */
  traceparent?: string | undefined;
  options: ClaudeOptions;
};

export type UpstreamEvent =
  /**
   * `started` comes once, before every other one but `end`; `paused` and `resumed` take turns, and in between no output
   * comes and no limit counts.
   */
  RunEvent | { type: 'end'; outcome: UpstreamOutcome };

/** A call under way. */
export type UpstreamCall = AsyncIterable<UpstreamEvent[]> & {
  /**
   * Asks claude-api to hold the execution, or to let it go on, at the address that the call is connected to: behind one
   * name there may be several. Tries once, and never throws. After `ok` the event comes, unless the call ends first.
   */
  setPaused(paused: boolean): Promise<PauseAnswer>;
};

export type PauseAnswer =
  | { ok: true }
  | { ok: false; reason: string /** Another try may go better. */; retryable: boolean };

/** What a success rests on. */
type Evidence = Extract<TerminalBody, { type: 'completed' }>['evidence'];

/** claude-api does not take the request as it is: nothing has begun, and nothing would by asking again. */
export const refusalCodes = [
  'options_invalid',
  'beyond_ceiling',
  'tool_options_refused',
  'workspaces_off',
  'workspace_invalid',
  'credentials_missing',
  'conversation_unknown',
  'conversation_elsewhere',
] as const satisfies readonly FailureCode[];

export type RefusalCode = (typeof refusalCodes)[number];

/** Losing its worker is nothing that a call could tell. */
export type UpstreamFailureCode = Exclude<FailureCode, 'worker_lost'>;

export type UpstreamLimit = 'firstOutput' | 'idle';

export type UpstreamFailure = RunSummary & {
  status: 'failed';
  code: UpstreamFailureCode;
  message: string;
  /** False only if the request provably never left. */
  sent: boolean;
  httpStatus?: number;
  /** How long claude-api asks to wait before another try. */
  retryAfterMs?: number;
  /** The usage limit that was reached, where Claude Code names it. */
  limit?: string;
  /** The limit that was reached is lifted at this Unix time, in milliseconds. */
  resetsAt?: number;
  /** False: claude-api took the work, but Claude Code ended before the model did anything. */
  began?: false;
  /** What said that it failed; without it, it is the end that was not as it should be. */
  evidence?: Exclude<Evidence, 'clean-eof'>;
};

/** How a call ended, and what is known then: `digest` is our own, over the text events after discards. */
export type UpstreamOutcome =
  | ({
      status: 'completed';
      evidence: Evidence;
      /** The last text block; of plain text, all of it. */
      text?: string;
      digest: Digest;
      /** SHA-256 as claude-api gave it; it equals ours. */
      upstreamDigest?: string;
    } & RunSummary)
  | UpstreamFailure
  | ({ status: 'timed_out'; limit: UpstreamLimit } & RunSummary)
  /** Ended by the caller's signal, or by closing the client. */
  | ({ status: 'aborted' } & RunSummary);
