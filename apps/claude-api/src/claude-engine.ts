/** The engine that runs the Claude Code CLI, each time in a new folder that is removed afterwards. */
import { randomUUID } from 'node:crypto';
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { createLineSplitter } from '@cc-executor/claude-stream';
import type { Logger } from '@cc-executor/runtime';
import { buildCliArguments, type CliDefaults } from './cli-arguments.ts';
import {
  buildCliEnvironment,
  type Credentials,
  describeCredentials,
  type Environment,
} from './cli-environment.ts';
import { locateCli, readCliVersion } from './cli-location.ts';
import { runCliProcess } from './cli-process.ts';
import type { Engine, EngineDescription, EngineEnding, ExecutionRequest, RunOptions } from './engine.ts';

export interface ClaudeEngineOptions {
  readonly bin: string;
  readonly workDir: string;
  readonly stopGraceMs: number;
  readonly defaults: CliDefaults;
  readonly credentials: Credentials;
  /** What the CLI inherits. */
  readonly environment: Environment;
  readonly logger: Logger;
}

/** Makes the engine. The CLI need not be there yet: it is looked up for each run. */
export function createClaudeEngine(options: ClaudeEngineOptions): Engine {
  const { bin, logger } = options;
  const env = buildCliEnvironment(options.environment, options.credentials);
  const versions = new Map<string, Promise<string>>();

  async function describe(): Promise<EngineDescription> {
    const file = locateCli(bin, env);
    if (file === undefined) return { ok: false, detail: notFound(bin).message };
    const version = await versionOf(file);
    const ways = describeCredentials(env, options.credentials);
    const target = options.credentials.baseUrl === undefined ? '' : '; with its own base URL';
    if (ways.length > 0)
      return { ok: true, version, detail: `Claude Code ${version}; ${ways.join(', ')}${target}` };
    const detail = `Claude Code ${version}; no API key, token or login was found: set ANTHROPIC_API_KEY, or log in with \`claude\``;
    return { ok: false, version, detail };
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

  async function run(request: ExecutionRequest, runOptions: RunOptions): Promise<EngineEnding> {
    const file = locateCli(bin, env);
    if (file === undefined) return failed(notFound(bin));
    let cwd: string;
    try {
      await mkdir(options.workDir, { recursive: true, mode: 0o700 });
      cwd = await mkdtemp(join(options.workDir, 'execution-'));
    } catch (err) {
      logger.error({ err, executionId: request.executionId }, 'no folder to run in');
      return failed({
        code: 'work_folder',
        message: `The folder for the execution could not be made: ${codeOf(err)}`,
      });
    }
    try {
      return await runIn(cwd, file, request, runOptions);
    } finally {
      await rm(cwd, { recursive: true, force: true, maxRetries: 3 }).catch((err: unknown) => {
        logger.warn({ err, executionId: request.executionId, folder: cwd }, 'folder not removed');
      });
    }
  }

  async function runIn(
    cwd: string,
    file: string,
    request: ExecutionRequest,
    { signal, onLines }: RunOptions,
  ) {
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

    const { spawnError, ...ending } = await runCliProcess(
      {
        file,
        args: buildCliArguments(request, options.defaults),
        cwd,
        env,
        input: request.question,
        // Unique even if two servers on one machine run the same execution.
        marker: `${request.executionId}/${randomUUID()}`,
      },
      { signal: AbortSignal.any([signal, giveUp.signal]), stopGraceMs: options.stopGraceMs, onOutput },
    );
    if (spawnError !== undefined) return failed(notStarted(file, spawnError));
    if (unreadable !== undefined)
      return { ...ending, failure: { code: 'line_too_long', message: unreadable.message } };
    const rest = splitter.end();
    // Half a line, left by a process that was killed, is of use to nobody.
    if (rest !== undefined && isJson(rest)) void onLines([rest]);
    return ending;
  }

  return { name: 'claude', describe, run };
}

function failed(failure: { code: string; message: string }): EngineEnding {
  return { exitCode: null, signal: null, stderr: '', failure };
}

function notFound(bin: string) {
  const where = bin.includes('/') ? '' : ' on PATH';
  return {
    code: 'cli_not_found',
    message: `Claude Code was not found: there is no program ${bin}${where}; install it, or set CLAUDE_BIN`,
  };
}

function notStarted(file: string, error: NodeJS.ErrnoException) {
  return { code: 'cli_not_started', message: `${file} could not be started: ${codeOf(error)}` };
}

function codeOf(error: unknown): string {
  const { code, message } = error as NodeJS.ErrnoException;
  return code ?? message;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}
