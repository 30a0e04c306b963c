/**
 * The one table of events and endings. Schemas, types, statuses, metrics labels and the dialect's words are derived from
 * it. A new row is known at once wherever its facts suffice; where something must be decided for it, nothing compiles
 * before that is done.
 */
import { z } from 'zod';
import type { DialectStatus } from './dialect.ts';
import type { FailureCode } from './error-codes.ts';
import type { TerminalType } from './statuses.ts';

/** SHA-256 (hexadecimal) and length in bytes of a text as UTF-8: of the answer, after resets, or of a message as JSON. */
export const digestSchema = z.object({ bytes: z.number().int().nonnegative(), sha256: z.string() });

type EventRow = {
  /** What it says, besides its type and the head. */
  fields: z.ZodRawShape;
  /** It is output of Claude Code: after it, an attempt cannot be repeated unnoticed. */
  carriesOutput?: true;
};

type EndingRow = {
  /** What it says, besides its type, the summary and the head. */
  fields: z.ZodRawShape;
  /** How the prototype's dialect calls it. */
  dialectStatus: Exclude<DialectStatus, 'RUNNING'>;
};

/** Output stands in the log. */
const partial = z.boolean();

/** One of Claude Code's structured messages. */
const messageFields = {
  message: z.record(z.string(), z.unknown()),
  /** It was too large for a frame: this is a shortened one, and `eventBody` gives the whole, if it was kept. */
  truncated: digestSchema.extend({ kept: z.boolean() }).optional(),
};

/** Events after which the job goes on. */
export const passingEvents = {
  queued: {
    fields: {
      /** How many jobs of its tenant were to go before it; missing when none was, or it is not known. */
      position: z.number().int().positive().optional(),
    },
  },
  started: {
    fields: {
      /** `demo` means: no Claude ran; the answer is made up by the demo engine. */
      engine: z.string().optional(),
      model: z.string().optional(),
      /** Of Claude Code. */
      version: z.string().optional(),
      tools: z.array(z.string()).optional(),
      /** In Claude Code's words: `connected`, `pending`, `failed`, `needs-auth` … */
      mcpServers: z.array(z.object({ name: z.string(), status: z.string() })).optional(),
    },
  },
  output: {
    carriesOutput: true,
    fields: {
      text: z.string(),
      /** This piece begins a new text block of the answer. */
      begin: z.literal(true).optional(),
    },
  },
  /** Claude Code uses a tool. */
  tool_started: {
    carriesOutput: true,
    fields: {
      toolUseId: z.string(),
      name: z.string(),
      /** Long parts of it are cut; its message has it whole. */
      input: z.record(z.string(), z.unknown()),
      /** It is a sub-agent that does: which use of a tool has made it. */
      parent: z.string().optional(),
    },
  },
  tool_ended: {
    carriesOutput: true,
    fields: {
      toolUseId: z.string(),
      name: z.string(),
      isError: z.boolean(),
      /** How its result begins. */
      text: z.string().optional(),
      /** By the worker's clock, pauses included. */
      durationMs: z.number().int().nonnegative(),
      parent: z.string().optional(),
    },
  },
  message: { carriesOutput: true, fields: messageFields },
  /** What Claude Code says about the run itself: an error of the model's API, a limit, a note. No model wrote it. */
  notice: { fields: messageFields },
  throttled: {
    fields: {
      /** Unix time in milliseconds of the next try. */
      untilMs: z.number().int(),
      reason: z.string(),
      /** The usage limit that is reached, in Claude Code's words: `five_hour`, `seven_day` … */
      limit: z.string().optional(),
      /** Unix time in milliseconds at which it is lifted: the job is queued again until then. */
      resetsAt: z.number().int().optional(),
    },
  },
  reset: {
    fields: {
      discardFromSeq: z.number().int().positive(),
      reason: z.string(),
      /** The job is begun anew, and may be begun so often after that. */
      attemptsLeft: z.number().int().nonnegative().optional(),
      /** What the void attempt cost, where that is known. */
      costUsd: z.number().optional(),
    },
  },
  paused: {
    fields: {
      /** How long it may stay paused. */
      limitMs: z.number().int().positive(),
    },
  },
  resumed: {
    fields: {
      /** How long it was paused. */
      pausedMs: z.number().int().nonnegative(),
    },
  },
  pause_refused: {
    fields: {
      /** What could not be done: the job is as it was before it was asked for. */
      request: z.enum(['pause', 'resume']),
      reason: z.string(),
    },
  },
} as const satisfies Record<string, EventRow>;

/** Terminal events. Each type is also the status of a job that ended so. */
export const endings = {
  completed: {
    dialectStatus: 'COMPLETED',
    fields: {
      /** The last text block: Claude's answer. Left out when it is very long; the output events carry it. */
      text: z.string().optional(),
      evidence: z.enum(['complete-line', 'result-line', 'clean-eof']),
    },
  },
  failed: {
    dialectStatus: 'FAILED',
    fields: {
      error: z.object({
        /** We write codes of our table; what we read may be a newer worker's. */
        code: z.string() as z.ZodType<string, FailureCode>,
        message: z.string(),
        /** Executing the same again can do no work twice: this time, nothing had begun. */
        retrySafe: z.boolean(),
        /** Unix time in milliseconds at which the limit that was reached is lifted, where that is known. */
        resetsAt: z.number().int().optional(),
      }),
      partial,
    },
  },
  cancelled: {
    dialectStatus: 'CANCELLED',
    fields: { by: z.enum(['client', 'disconnect', 'operator']), partial },
  },
  timed_out: {
    dialectStatus: 'FAILED',
    fields: { limit: z.enum(['queue', 'firstOutput', 'idle', 'total', 'paused']), partial },
  },
} as const satisfies Record<TerminalType, EndingRow>;

const durationMs = z.number().nonnegative();
const tokens = z.number().nonnegative();

/** Something that Claude Code had started and did not wait for: a command, a sub-agent. */
export const backgroundTaskSchema = z.object({
  id: z.string(),
  /** Claude Code's word: `local_bash`, `local_agent` … */
  type: z.string().optional(),
  description: z.string().optional(),
});

/** What is known of the run when it ends, however it ends. All of it is bounded in size. */
export const summaryFields = {
  /** Tokens of all attempts together, sub-agents included, by the names that the Messages API has for them. */
  usage: z.record(z.string(), z.unknown()).optional(),
  /** The same for each model, with its cost. */
  models: z
    .record(
      z.string(),
      z.object({
        inputTokens: tokens,
        outputTokens: tokens,
        cacheReadTokens: tokens,
        cacheCreationTokens: tokens,
        costUsd: z.number(),
      }),
    )
    .optional(),
  costUsd: z.number().optional(),
  /** What each took, where the job was begun more than once; the last ten. */
  attempts: z
    .array(
      z.object({
        /** How it ended: a failure code, `completed` …, or `unknown` when it was lost with its worker. */
        outcome: z.string(),
        usage: z.record(z.string(), z.unknown()).optional(),
        costUsd: z.number().optional(),
      }),
    )
    .optional(),
  durationMs: z.number().optional(),
  turns: z.number().int().optional(),
  conversation: z.string().optional(),
  /** Why the model stopped, in its API's words: `end_turn`, `refusal`, `max_tokens` … */
  stopReason: z.string().optional(),
  /** The first tools that Claude Code wanted and might not use; long input is left out. */
  permissionDenials: z
    .array(
      z.object({
        tool: z.string(),
        toolUseId: z.string(),
        input: z.record(z.string(), z.unknown()).optional(),
      }),
    )
    .optional(),
  /** How many more there were. */
  moreDenials: z.number().int().positive().optional(),
  /** The answer as an object, where Claude Code was given a schema for it. Left out when it is very long, like `text`. */
  structuredOutput: z.unknown().optional(),
  timings: z
    .object({
      /** From its acceptance until a worker took the job, this time. */
      queueMs: durationMs.optional(),
      /** From then until Claude Code was ready. */
      startMs: durationMs.optional(),
      /** Within Claude Code, until it first asked the model. */
      firstRequestMs: durationMs.optional(),
      /** From when the worker took the job until the first output. */
      firstOutputMs: durationMs.optional(),
      /** All requests to the model together. */
      modelMs: durationMs.optional(),
    })
    .optional(),
  digest: digestSchema.optional(),
  /** What claude-api knows the last call by: its transcript can be asked for. */
  executionId: z.string().optional(),
  /** What still ran in the background, and was ended with the job; the first 20. */
  backgroundTasks: z.array(backgroundTaskSchema).optional(),
  /** Of what the last call has changed in the workspace, where claude-api keeps that; it can be got over HTTP. */
  diff: digestSchema.extend({ files: z.number().int().nonnegative() }).optional(),
};
