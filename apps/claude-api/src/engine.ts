/**
 * What runs a prompt. An engine puts out lines of Claude Code's stream-json and says how it ended; it knows
 * nothing of HTTP, and whoever calls it knows nothing of processes.
 */
import type { ClaudeOptions } from '@cc-executor/claude-options';
import type { CliEnding, CliOptions } from './cli-process.ts';
import type { Containment } from './containment.ts';
import type { TenantCredential } from './credentials/entry.ts';
import type { CredentialRefusal, CredentialStore, chooseCredential } from './credentials/store.ts';
import type { Place, PlaceRefusal } from './places.ts';
import type { Program } from './supervision.ts';
import type { JobDiff } from './workspaces/job-diff.ts';

/**
 * A prompt with its options, as the operator's policy lets them stand: directories are without symbolic links, MCP
 * configurations are files.
 */
export type ExecutionRequest = Readonly<Omit<ClaudeOptions, 'mcpConfig'>> & {
  readonly tenant: string;
  readonly executionId: string;
  readonly question: string;
  /** Ends it earlier than the server's own limit does, in ms. */
  readonly timeoutMs?: number | undefined;
  readonly mcpConfig?: readonly string[] | undefined;
  /** Of the execution, where it is traced: what Claude Code tells of itself is a part of it. */
  readonly traceparent?: string | undefined;
};

export type EngineDescription = {
  /** Whether it can run a prompt now, as far as can be told without running one. */
  readonly ok: boolean;
  readonly detail: string;
  readonly version?: string;
  /** What is amiss though it can run prompts. */
  readonly warnings?: readonly string[];
  /** The ways to the model that were found, in words; never their values. */
  readonly login?: readonly string[];
  /** Whether a tool that looks for the credentials of the model could find them. */
  readonly keyInReach?: boolean;
  /** Where tenants' own credentials come from, how many have some, and why they cannot be read anew. */
  readonly credentials?: ReturnType<CredentialStore['describe']>;
  /** What holds the processes of an execution together. */
  readonly containment?: Containment['kind'];
  /** What is not kept from an execution, in words; none: all that a sandbox can keep. */
  readonly sandboxGaps?: readonly string[];
};

/** How a run ended. Whether that was a success is not the engine's to say. */
export type EngineEnding = {
  /** Null when there was no process, or a signal ended it. */
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** The end of what it wrote to standard error. */
  readonly stderr: string;
  /** False: the conversation that Claude Code named cannot be continued. */
  readonly conversationKept?: boolean;
  /** Of what it has changed in its workspace, where that is kept. */
  readonly diff?: JobDiff;
  /** Why nothing could be run at all. */
  readonly failure?: { readonly code: string; readonly message: string };
};

/** Holds a run and lets it go on. */
export type PauseSwitch = {
  readonly isPaused: boolean;
  /** The run's part: does what is asked, and resolves when it is done. It is not called twice with the same value. */
  follow(apply: (paused: boolean) => Promise<void>): void;
};

export type Prepared = {
  /** The run releases it. */
  readonly place: Place;
  /** The tenant's own, with which the model is asked; undefined: it is asked with those of the service. */
  readonly credential?: TenantCredential | undefined;
};

export type RunOptions = Prepared & {
  /** Aborting stops the run, also a paused one; the promise settles when nothing of it is left. */
  readonly signal: AbortSignal;
  readonly pause: PauseSwitch;
  /** Takes complete lines in order. While the promise it may return is pending, the engine should not read on. */
  readonly onLines: (lines: readonly string[]) => void | Promise<void>;
};

/** What an execution's answer was according to Claude Code's own transcript. */
export type TranscriptAnswer = {
  readonly conversation: string;
  /** The text blocks of the main conversation; `bytes` and `sha256` are of them joined. */
  readonly blocks: readonly string[];
  readonly bytes: number;
  readonly sha256: string;
};

export type NotVerifiable = {
  readonly reason: 'demo_engine' | 'unknown_execution' | 'under_way' | 'not_kept' | 'transcript_missing';
  readonly message: string;
};

/** Runs a program of ours as what an execution starts is run: it sees nothing of others, and leaves nothing running. */
export type Confine = (
  program: Pick<Program, 'file' | 'args' | 'cwd' | 'env'> & {
    /** Besides `cwd`, of what is hidden from executions. */
    readonly shown: readonly string[];
  },
  options: Pick<CliOptions, 'signal' | 'onOutput'>,
) => Promise<CliEnding>;

export type Engine = {
  readonly name: 'claude' | 'demo';
  describe(): Promise<EngineDescription>;
  /** The credential of this tenant's own with which it would ask the model; without the method, tenants have none. */
  findCredential?(tenant: string): ReturnType<typeof chooseCredential>;
  /** Takes the workspace and the conversation for a run, and its credential; whoever got a place runs or releases it. */
  prepare(request: ExecutionRequest): Promise<Prepared | PlaceRefusal | CredentialRefusal>;
  /** Never rejects for what the run did; that is in the ending. */
  run(request: ExecutionRequest, options: RunOptions): Promise<EngineEnding>;
  /** Where it confines what it runs. */
  readonly confine?: Confine;
  /** How much the background tasks of a conversation have put out, in bytes; where that can be told. */
  backgroundBytes?(conversation: string): Promise<number>;
  /** Looks up an earlier execution of this tenant. */
  readTranscript(tenant: string, executionId: string): Promise<TranscriptAnswer | NotVerifiable>;
};
