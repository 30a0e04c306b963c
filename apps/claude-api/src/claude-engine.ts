/** The engine that runs the Claude Code CLI: one process for each execution, never shared, in a place of its own. */
import { randomUUID } from 'node:crypto';
import { stat } from 'node:fs/promises';
import { join, resolve } from 'node:path';
import type { SourceValue } from '@cc-executor/claude-options';
import { createLineSplitter } from '@cc-executor/claude-stream';
import type { Logger } from '@cc-executor/runtime';
import { readTaskOutput } from './background-watch.ts';
import { buildCliArguments, type CliProfile } from './cli-arguments.ts';
import { buildCliEnvironment, type Credentials, type Environment } from './cli-environment.ts';
import { buildCliInput } from './cli-input.ts';
import { locateCli, readCliVersion } from './cli-location.ts';
import { findLogin } from './cli-login.ts';
import { runCliProcess } from './cli-process.ts';
import { configFolderOf, warningsOf } from './config-folder.ts';
import { type Containment, canHide } from './containment.ts';
import { createConversationFolders } from './conversation-folders.ts';
import { chooseCredential, type TenantCredentials } from './credentials/store.ts';
import type {
  Confine,
  Engine,
  EngineDescription,
  EngineEnding,
  ExecutionRequest,
  NotVerifiable,
  RunOptions,
  TranscriptAnswer,
} from './engine.ts';
import { type IndexLimits, openExecutionIndex } from './execution-index.ts';
import { createExecutionViews } from './execution-view.ts';
import { whyInReach } from './key-reach.ts';
import type { ModelProxy } from './model-proxy.ts';
import { createPlaces, type Place } from './places.ts';
import { createMarker } from './process-tree.ts';
import { beginFrom, type SourceLimits } from './sources/beginnings.ts';
import { SourceFault } from './sources/fault.ts';
import { boundId } from './tenants.ts';
import { findTranscript, readAnswer } from './transcripts.ts';
import type { DiffLimits } from './workspaces/diff.ts';
import { hasGit } from './workspaces/git.ts';
import { type JobDiff, keepJobDiff } from './workspaces/job-diff.ts';
import { type SnapshotBounds, takeSnapshot } from './workspaces/snapshot.ts';

const FORGET_EVERY_MS = 60 * 60_000;
const NO_GIT = 'Git is not installed: no job can begin from a repository, and there are no diffs';

export type JobDiffLimits = SnapshotBounds & DiffLimits & { readonly keptMs: number };

export type ClaudeEngineOptions = {
  readonly bin: string;
  readonly workDir: string;
  /** Undefined: there are no named workspaces. */
  readonly workspacesDir: string | undefined;
  /** Executions see what a request names of it. */
  readonly mcpFolder: string | undefined;
  /** Further files and folders that executions are not to see. */
  readonly hiddenPaths: readonly string[];
  readonly stopGraceMs: number;
  readonly containment: Containment;
  readonly profile: CliProfile;
  readonly indexLimits: IndexLimits;
  readonly credentials: Credentials;
  /** Has credentials in Claude Code's place; undefined: they are handed on to it. */
  readonly modelProxy: ModelProxy | undefined;
  /** What tenants have of their own, for the proxy; undefined: nothing. */
  readonly tenantCredentials: TenantCredentials | undefined;
  /** Of this the CLI inherits what it has a use for. */
  readonly environment: Environment;
  /** Further variables that it inherits. */
  readonly passEnv: readonly string[];
  /** Within which what a run changes in its workspace is noted; undefined: it is not, save where a run begins from something. */
  readonly jobDiffs: JobDiffLimits | undefined;
  /** Undefined: no run may. */
  readonly beginnings: (SourceLimits & { readonly diffs: JobDiffLimits }) | undefined;
  readonly logger: Logger;
};

export type ClaudeEngine = Engine & {
  /** Removes folders that executions of an earlier claude-api left; gives their number. */
  sweep(): Promise<number>;
};

/** Makes the engine. The CLI need not be there yet: it is looked up for each run. */
export function createClaudeEngine(options: ClaudeEngineOptions): ClaudeEngine {
  const { bin, logger, profile, modelProxy, tenantCredentials, workspacesDir, containment } = options;
  const workDir = resolve(options.workDir);
  const sharesLogin = !modelProxy?.servesOwn;
  const credentials = sharesLogin ? options.credentials : {};
  const env = buildCliEnvironment(options.environment, credentials, options.passEnv);
  const configFolder = resolve(configFolderOf(env));
  const folders = createConversationFolders({ configFolder, workDir });
  const places = createPlaces({ workDir, workspacesDir, folders, logger });
  // Empty: the usual one, which on macOS names the entry in the keychain, too.
  const loginFolder = env.CLAUDE_SECURESTORAGE_CONFIG_DIR ?? env.CLAUDE_CONFIG_DIR ?? '';
  const { viewOf, guarded } = createExecutionViews({
    configFolder,
    folders: [workDir, workspacesDir],
    mcpFolder: options.mcpFolder,
    sharesLogin,
    environment: options.environment,
    hiddenPaths: [...options.hiddenPaths, ...(tenantCredentials?.folder ? [tenantCredentials.folder] : [])],
  });
  const exposed = containment.hides === 'fenced' ? guarded.filter((path) => !canHide(containment, path)) : [];
  const gaps = [...containment.gaps, ...exposed.map((path) => `it reaches ${path}`)];
  const index = openExecutionIndex(join(workDir, 'executions.jsonl'), options.indexLimits, logger);
  const versions = new Map<string, Promise<string>>();
  let forgotAt = 0;
  for (const warning of warningsOf(configFolder)) logger.warn(warning);
  if (exposed.length > 0) logger.warn({ exposed }, 'what Landlock cannot hide: more may be made beside it');

  async function describe(): Promise<EngineDescription> {
    const file = locateCli(bin, env);
    if (file === undefined) return { ok: false, detail: notFound(bin).message };
    const version = await versionOf(file);
    const { found, fault } = findLogin(env, options.credentials, profile.restricted);
    const needsGit = options.beginnings !== undefined && !hasGit();
    const kept = tenantCredentials?.store.describe();
    const faults = kept?.fault === undefined ? [] : [`CLAUDE_CREDENTIALS is not read anew: ${kept.fault}`];
    const warnings = [...warningsOf(configFolder), ...(needsGit ? [NO_GIT] : []), ...faults];
    const target = options.credentials.baseUrl === undefined ? '' : '; with its own base URL';
    const login = found.length > 0 ? found.join(', ') : fault;
    const { environment } = options;
    const reach = { hasProxy: !sharesLogin, containment, environment, configFolder, tenantCredentials };
    const reasons = whyInReach({ logins: found, ...reach });
    const inReach = reasons.length === 0 ? [] : [`a tool can reach the login: ${reasons.join(', ')}`];
    const parts = [`Claude Code ${version}`, `${login}${target}`, containment.detail, ...gaps, ...inReach];
    if (kept !== undefined) parts.push(`own credentials of tenants: ${kept.tenants ?? `by ${kept.source}`}`);
    return {
      ok: found.length > 0 || kept !== undefined,
      version,
      login: found,
      containment: containment.kind,
      keyInReach: reasons.length > 0,
      ...(kept && { credentials: kept }),
      detail: [...parts, ...warnings].join('; '),
      ...(gaps.length > 0 && { sandboxGaps: gaps }),
      ...(warnings.length > 0 && { warnings }),
    };
  }

  /** Asked once: starting the CLI takes a noticeable part of a second. */
  function versionOf(file: string): Promise<string> {
    const known = versions.get(file);
    if (known !== undefined) return known;
    const version = readCliVersion(file, env);
    versions.set(file, version);
    version.catch(() => versions.delete(file));
    return version;
  }

  const findCredential = (tenant: string) => chooseCredential(tenant, tenantCredentials);

  const prepare: Engine['prepare'] = async (request) => {
    const chosen = await findCredential(request.tenant);
    if ('code' in chosen) return chosen;
    const opened = await places.open(request);
    return 'code' in opened ? opened : { ...opened, ...chosen };
  };

  async function run(request: ExecutionRequest, runOptions: RunOptions): Promise<EngineEnding> {
    const { place } = runOptions;
    try {
      const file = locateCli(bin, env);
      if (place.failure !== undefined) return failed(place.failure);
      if (file === undefined) return failed(notFound(bin));
      return await runRecorded(file, request, runOptions);
    } finally {
      await place.release();
      forgetOldConversations();
    }
  }

  /** Only the part of the transcript that this run appends is its own. */
  async function runRecorded(file: string, request: ExecutionRequest, runOptions: RunOptions) {
    const { conversation, earlier } = runOptions.place;
    const { tenant } = request;
    const executionId = boundId(tenant, request.executionId);
    const entry = { executionId, conversation, from: earlier?.bytes ?? 0 };
    if (profile.keepTranscripts) index.put({ ...entry, at: Date.now() });
    const ending = await runIn(file, request, runOptions);
    if (profile.keepTranscripts) {
      const path = await findTranscript(folders.configOf(tenant, conversation), conversation);
      const size = path === undefined ? undefined : (await stat(path).catch(() => undefined))?.size;
      index.put({ ...entry, to: size ?? 0, at: Date.now() });
      return { ...ending, conversationKept: (size ?? 0) > 0 && folders.keeps(tenant, conversation) };
    }
    return { ...ending, conversationKept: false };
  }

  async function runIn(
    file: string,
    request: ExecutionRequest,
    { place, credential, signal, pause, onLines }: RunOptions,
  ): Promise<EngineEnding> {
    const fault = request.from && (await begin(request.from, place, { signal, onLines }));
    if (fault !== undefined) return failed(fault);
    const diffs = request.from ? options.beginnings?.diffs : place.isWorkspace ? options.jobDiffs : undefined;
    if (diffs !== undefined && !signal.aborted) await noteState(place.cwd, diffs, signal);
    if (signal.aborted) return { exitCode: null, signal: null, stderr: '' };
    const splitter = createLineSplitter();
    const giveUp = new AbortController();
    let unreadable: Error | undefined;

    function onOutput(chunk: Buffer): Promise<void> | void {
      if (unreadable !== undefined) return;
      try {
        const lines = splitter.push(chunk);
        if (lines.length > 0) return onLines(lines);
      } catch (error) {
        unreadable = error as Error;
        giveUp.abort();
      }
    }

    const session = { conversation: place.conversation, resume: place.earlier !== undefined };
    const { cwd, conversation } = place;
    const config = folders.configOf(request.tenant, conversation);
    const temporary = folders.temporaryOf(conversation);
    const keepsLogin = sharesLogin && credential === undefined;
    const own = {
      CLAUDE_CONFIG_DIR: config,
      ...(keepsLogin && { CLAUDE_SECURESTORAGE_CONFIG_DIR: loginFolder }),
      CLAUDE_CODE_TMPDIR: temporary,
      TMPDIR: temporary,
      ...(request.traceparent !== undefined && { TRACEPARENT: request.traceparent }),
    };
    const view = await viewOf(
      [cwd, temporary, config, file, ...(request.addDirs ?? []), ...(request.mcpConfig ?? [])],
      keepsLogin,
    );
    const access = modelProxy?.admit(credential?.credentials);
    const { spawnError, ...ending } = await runCliProcess(
      {
        file,
        args: buildCliArguments(request, profile, session),
        cwd,
        env: { ...env, ...access?.env, ...request.env, ...own },
        view,
        input: buildCliInput(request),
        // Unique even if two servers on one machine run the same execution.
        marker: createMarker(request.executionId, randomUUID()),
      },
      {
        signal: AbortSignal.any([signal, giveUp.signal]),
        stopGraceMs: options.stopGraceMs,
        containment,
        onOutput,
        pause,
      },
    ).finally(() => access?.withdraw());
    if (spawnError !== undefined) return failed(notStarted(file, spawnError, ending.stderr));
    if (unreadable !== undefined)
      return { ...ending, failure: { code: 'line_too_long', message: unreadable.message } };
    // Of one that was stopped nobody waits for it.
    const diff = diffs && !signal.aborted && (await keepDiff(cwd, request, diffs));
    const rest = splitter.end();
    // Half a line, left by a process that was killed, is of use to nobody.
    if (rest !== undefined && isJson(rest)) void onLines([rest]);
    return { ...ending, ...(diff && { diff }) };
  }

  const confine: Confine = async ({ shown, ...program }, confined) => {
    const view = await viewOf([program.cwd, ...shown], false);
    const marker = createMarker('git', randomUUID());
    return runCliProcess(
      { ...program, view, marker, input: '' },
      { ...confined, containment, stopGraceMs: options.stopGraceMs },
    );
  };

  /** Tells what it fetches, and what has come. @returns why it cannot be had; a run that was stopped goes no further */
  async function begin(
    from: SourceValue,
    place: Place,
    { signal, onLines }: Pick<RunOptions, 'signal' | 'onLines'>,
  ): Promise<EngineEnding['failure']> {
    const { beginnings: limits } = options;
    if (limits === undefined)
      return { code: 'source_unavailable', message: 'No job may begin from anything' };
    const address = 'git' in from ? from.git : from.archive;
    const tell = (content: string, more = {}) =>
      onLines([JSON.stringify({ type: 'source', content, ...more })]);
    try {
      const beginning = await beginFrom(from, place, {
        ...{ limits, confine, signal, environment: options.environment },
        temporary: folders.temporaryOf(place.conversation),
        onFetch: () => void tell(`fetching ${address}`),
      });
      const what = 'commit' in beginning ? ` at commit ${beginning.commit}` : '';
      await tell(
        'isThere' in beginning ? `the workspace began from ${address}` : `${address} has come${what}`,
        beginning,
      );
      return undefined;
    } catch (error) {
      if (signal.aborted) return undefined;
      if (error instanceof SourceFault) return { code: error.code, message: error.message };
      throw error;
    }
  }

  /** Without it there is no diff; the run goes on. */
  async function noteState(workspace: string, limits: JobDiffLimits, signal: AbortSignal): Promise<void> {
    await takeSnapshot(workspace, confine, { ...limits, signal }).catch((err: unknown) => {
      if (!signal.aborted) logger.warn({ err, workspace }, 'the state of a workspace was not noted');
    });
  }

  /** What is too large, or takes too long, is not kept. */
  async function keepDiff(
    workspace: string,
    { tenant, executionId: id }: ExecutionRequest,
    limits: JobDiffLimits,
  ): Promise<JobDiff | undefined> {
    const executionId = boundId(tenant, id);
    try {
      const root = workspacesDir ?? workDir;
      return await keepJobDiff({ workspace, workDir, root, executionId }, confine, limits);
    } catch (err) {
      logger.warn({ err, executionId }, 'what a run has changed was not kept');
      return undefined;
    }
  }

  async function readTranscript(
    tenant: string,
    executionId: string,
  ): Promise<TranscriptAnswer | NotVerifiable> {
    if (!profile.keepTranscripts) {
      return { reason: 'not_kept', message: 'This server keeps no transcripts (CLAUDE_KEEP_TRANSCRIPTS)' };
    }
    const entry = index.get(boundId(tenant, executionId));
    if (entry === undefined) {
      const message = `No execution with the id ${executionId} is remembered here`;
      return { reason: 'unknown_execution', message };
    }
    const { conversation, from, to } = entry;
    if (to === undefined) {
      const message = `The execution ${executionId} is under way, or was lost with the server that ran it`;
      return { reason: 'under_way', message };
    }
    const path = await findTranscript(folders.configOf(tenant, conversation), conversation);
    if (path === undefined || to <= from) {
      const message = `Claude Code has no transcript of the execution ${executionId}; it may have been removed`;
      return { reason: 'transcript_missing', message };
    }
    return { conversation, ...(await readAnswer(path, { from, to })) };
  }

  function forgetOldConversations(): void {
    if (Date.now() - forgotAt < FORGET_EVERY_MS) return;
    forgotAt = Date.now();
    void folders.forgetOld();
  }

  return {
    name: 'claude',
    describe,
    confine,
    findCredential,
    prepare,
    run,
    backgroundBytes: (conversation) => readTaskOutput(folders.temporaryOf(conversation), conversation),
    readTranscript,
    sweep: () => places.sweep(),
  };
}

function failed(failure: NonNullable<Place['failure']>): EngineEnding {
  return { exitCode: null, signal: null, stderr: '', failure };
}

function notFound(bin: string) {
  const where = bin.includes('/') ? '' : ' on PATH';
  return {
    code: 'cli_not_found',
    message: `Claude Code was not found: there is no program ${bin}${where}; install it, or set CLAUDE_BIN`,
  };
}

function notStarted(file: string, error: NodeJS.ErrnoException, stderr: string) {
  const reason = [error.code ?? error.message, stderr].filter(Boolean).join(': ');
  return { code: 'cli_not_started', message: `${file} could not be started: ${reason}` };
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
