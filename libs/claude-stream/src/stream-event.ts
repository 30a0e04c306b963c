/**
 * The one union of what the lines of a run mean. `RunEvent` is what whoever asked for the run wants to know:
 * claude-api-client hands it on as it is, and the worker makes the job's events of it. The rest is about the stream.
 */
import type { BackgroundTask } from '@cc-executor/protocol';
import type { Cause } from './cause.ts';
import type { ClaudeResult, Complete, JsonObject } from './stream-line.ts';

/** `status` is in Claude Code's words: `connected`, `pending`, `failed`, `needs-auth` … */
export type McpServer = { name: string; status: string };

/** How a long text stands in JSON between its quotes, in UTF-8; `isPlain`: nothing is escaped, so these bytes are the text's. */
export type Written = { json: Buffer; isPlain: boolean };

export type RunEvent =
  /** claude-api has taken the work. */
  /** `credential` names the tenant's own with which the model is asked; missing: it is that of the service. */
  | { type: 'started'; executionId?: string; engine?: string; credential?: string }
  | {
      type: 'session';
      sessionId: string;
      model?: string;
      cwd?: string;
      version?: string;
      tools?: string[];
      mcpServers?: McpServer[];
      /** Where the API key came from, in Claude Code's words; `none` for a login or a token. */
      keySource?: string;
    }
  /** A piece of the answer; `begin` on the first piece of each text block. */
  | { type: 'text'; text: string; begin: boolean; written?: Written }
  /** All text since the last `begin` is void. */
  | { type: 'discard'; reason: string }
  | { type: 'message'; message: JsonObject }
  /** Claude Code speaks about the run: no model wrote it, and nothing was done. */
  | { type: 'notice'; message: JsonObject }
  /** Claude Code waits before it asks the model's API again. `status` is HTTP's, null when there was none. */
  | {
      type: 'throttled';
      delayMs: number;
      attempt: number;
      maxRetries: number;
      status: number | null;
      reason: string;
    }
  /** claude-api has stopped everything, or let it go on. */
  | { type: 'paused' }
  | { type: 'resumed' };

export type StreamEvent =
  | RunEvent
  /** `cause`: what was said about its failure before it. */
  | { type: 'result'; result: ClaudeResult; cause: Cause }
  | { type: 'complete'; complete: Complete }
  /** What runs in the background now; the run goes on as long as something does. */
  | { type: 'background'; tasks: BackgroundTask[] }
  | { type: 'ping' }
  /** Something happened that is of no other interest. `generating`: it is the model that does it. */
  | { type: 'activity'; generating: boolean }
  /** Not a line of the protocol. */
  | { type: 'noise'; line: string };
