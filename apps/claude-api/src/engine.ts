/**
 * What runs a prompt. An engine puts out lines of Claude Code's stream-json and says how it ended; it knows
 * nothing of HTTP, and whoever calls it knows nothing of processes.
 */

export interface ExecutionRequest {
  readonly executionId: string;
  readonly question: string;
  readonly model?: string | undefined;
  readonly appendSystemPrompt?: string | undefined;
  readonly allowedTools?: readonly string[] | undefined;
  readonly disallowedTools?: readonly string[] | undefined;
  readonly permissionMode?: string | undefined;
  readonly maxTurns?: number | undefined;
}

export interface EngineDescription {
  /** Whether it can run a prompt now, as far as can be told without running one. */
  readonly ok: boolean;
  readonly detail: string;
  readonly version?: string;
}

/** How a run ended. Whether that was a success is not the engine's to say. */
export interface EngineEnding {
  /** Null when there was no process, or a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;
  /** Why nothing could be run at all. */
  readonly failure?: { readonly code: string; readonly message: string };
}

export interface RunOptions {
  /** Aborting stops the run; the promise settles when nothing of it is left. */
  readonly signal: AbortSignal;
  /** Takes complete lines in order. While the promise it may return is pending, the engine should not read on. */
  readonly onLines: (lines: readonly string[]) => void | Promise<void>;
}

export interface Engine {
  readonly name: 'claude' | 'demo';
  describe(): Promise<EngineDescription>;
  /** Never rejects for what the run did; that is in the ending. */
  run(request: ExecutionRequest, options: RunOptions): Promise<EngineEnding>;
}
