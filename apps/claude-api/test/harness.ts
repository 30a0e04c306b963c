/** Starts claude-api in this process, over a fake or a real CLI, and talks to it over real sockets. */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createMetrics } from '@cc-executor/metrics';
import { createLogger } from '@cc-executor/runtime';
import { onTestFinished } from 'vitest';
import { type ClaudeEngine, type ClaudeEngineOptions, createClaudeEngine } from '../src/claude-engine.ts';
import type { CliProfile } from '../src/cli-arguments.ts';
import { type Containment, findContainment } from '../src/containment.ts';
import type { Engine } from '../src/engine.ts';
import type { Policy } from '../src/policy.ts';
import { READING_TOOLS } from '../src/policy-settings.ts';
import { type ServerOptions, startServer } from '../src/server.ts';

export const silentLogger = createLogger({ name: 'test', level: 'silent', format: 'json' });

export type Line = {
  type: string;
  [field: string]: unknown;
};

/** A folder that is removed after the test. */
export function temporaryFolder(): string {
  const folder = mkdtempSync(join(tmpdir(), 'claude-api-test-'));
  onTestFinished(() => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }));
  return folder;
}

/** An executable that runs fixtures/fake-cli.mjs with this Node. */
export function fakeCli(): string {
  const path = join(temporaryFolder(), 'claude');
  const script = fileURLToPath(new URL('fixtures/fake-cli.mjs', import.meta.url));
  writeFileSync(path, `#!/bin/sh\nexec '${process.execPath}' '${script}' "$@"\n`, { mode: 0o755 });
  return path;
}

/** Everything is allowed. */
export const openProfile: CliProfile = {
  tools: undefined,
  restricted: false,
  slashCommands: false,
  keepTranscripts: true,
};

/** What the configuration's defaults give. */
export const safeProfile: CliProfile = { ...openProfile, tools: READING_TOOLS, restricted: true };

/** No ceilings. */
export const openPolicy: Policy = {
  model: undefined,
  fallbackModel: undefined,
  models: [],
  permissionMode: 'default',
  permissionModes: ['default', 'plan', 'acceptEdits', 'bypassPermissions'],
  tools: undefined,
  allowedTools: [],
  disallowedTools: [],
  allowToolOptions: true,
  maxTurns: undefined,
  maxBudgetUsd: undefined,
  effort: undefined,
  addDirRoots: [],
  mcpFolder: undefined,
  requestEnv: [],
  allowSystemPrompt: true,
  requestSettings: ['language'],
  sources: [],
};

let containment: Containment | undefined;

/** What this machine has to offer; tried once. */
export function bestContainment(): Containment {
  containment ??= findContainment('auto', process.env);
  return containment;
}

/** An engine over the fake CLI, or over another one. */
export function claudeEngine(options: Partial<ClaudeEngineOptions> = {}): ClaudeEngine & { workDir: string } {
  const workDir = options.workDir ?? temporaryFolder();
  const engine = createClaudeEngine({
    bin: options.bin ?? fakeCli(),
    workDir,
    stopGraceMs: 300,
    containment: bestContainment(),
    modelProxy: undefined,
    tenantCredentials: undefined,
    workspacesDir: undefined,
    mcpFolder: undefined,
    hiddenPaths: [],
    profile: openProfile,
    indexLimits: { maxEntries: 100, maxAgeMs: 60_000 },
    credentials: { apiKey: undefined, authToken: undefined, oauthToken: undefined, baseUrl: undefined },
    // Transcripts of the machine's user are none of a test's business.
    environment: { PATH: process.env.PATH, HOME: workDir },
    passEnv: [],
    jobDiffs: undefined,
    beginnings: undefined,
    logger: silentLogger,
    ...options,
  });
  return { ...engine, workDir };
}

/** The folders of executions that are left. */
export function leftFolders(engine: { workDir: string }): string[] {
  return readdirSync(engine.workDir).filter((name) => name.startsWith('execution-'));
}

export type Api = {
  readonly url: string;
  execute(body: object, options?: { signal?: AbortSignal; path?: string }): Promise<Response>;
  /** Executes, and reads all lines. */
  lines(body: object): Promise<Line[]>;
  cancel(executionId: string): Promise<number>;
  /** POST /executions/{id}/{action}; gives the status. */
  control(executionId: string, action: 'pause' | 'resume'): Promise<number>;
  transcript(executionId: string): Promise<{ status: number; body: Record<string, unknown> }>;
  close(): Promise<void>;
};

export type ApiOptions = Partial<Omit<ServerOptions, 'limits'>> & {
  limits?: Partial<ServerOptions['limits']>;
};

/** Starts the server over this engine; it is closed after the test. */
export async function startApi(engine: Engine, options: ApiOptions = {}): Promise<Api> {
  const { limits, ...rest } = options;
  const server = await startServer({
    allowedHosts: [],
    tokenSha256: undefined,
    metrics: createMetrics({ role: 'claude-api', version: 'test', isOn: false }),
    engine,
    host: '127.0.0.1',
    port: 0,
    limits: {
      maxExecutions: 8,
      maxPaused: 8,
      pausedTimeoutMs: 60_000,
      executionTimeoutMs: 60_000,
      pingMs: 60_000,
      exitGraceMs: 60_000,
      fileMaxBytes: 1024 * 1024,
      archiveMaxBytes: 4 * 1024 * 1024,
      filesMax: 100_000,
      diffMaxBytes: 1024 * 1024,
      diffTimeoutMs: 20_000,
      ...limits,
    },
    workspacesDir: undefined,
    workDir: tmpdir(),
    policy: openPolicy,
    drainMs: 0,
    logger: silentLogger,
    ...rest,
  });
  onTestFinished(() => server.close());
  const url = `http://127.0.0.1:${server.port}`;
  const execute: Api['execute'] = (body, { signal, path = '/execute/claude-stream' } = {}) =>
    fetch(url + path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
      signal: signal ?? null,
    });
  return {
    url,
    execute,
    lines: async (body) => parseLines(await (await execute(body)).text()),
    cancel: async (id) => (await fetch(`${url}/executions/${id}`, { method: 'DELETE' })).status,
    control: async (id, action) =>
      (await fetch(`${url}/executions/${id}/${action}`, { method: 'POST' })).status,
    async transcript(id) {
      const response = await fetch(`${url}/executions/${id}/transcript`);
      return { status: response.status, body: (await response.json()) as Record<string, unknown> };
    },
    close: () => server.close(),
  };
}

/** Reads a response's lines as they come. */
export async function* streamLines(response: Response): AsyncGenerator<Line> {
  let rest = '';
  for await (const text of response.body!.pipeThrough(new TextDecoderStream())) {
    const parts = (rest + text).split('\n');
    rest = parts.pop()!;
    for (const part of parts) yield JSON.parse(part) as Line;
  }
}

/** Reads until a line satisfies the condition. */
export async function readUntil(
  lines: AsyncGenerator<Line>,
  condition: (line: Line) => boolean,
): Promise<Line> {
  for (;;) {
    const { value, done } = await lines.next();
    if (done === true) throw new Error('the stream ended before such a line');
    if (condition(value)) return value;
  }
}

export const isDelta = (line: Line) => line.type === 'stream_event' && 'delta' in (line.event as object);
export const isComplete = (line: Line) => line.type === 'complete';

export function parseLines(text: string): Line[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => JSON.parse(line) as Line);
}

/** The only `complete` line, which must be the last; the first must be `start`. */
export function soleCompletion(lines: readonly Line[]): Line {
  const starts = lines.filter((line) => line.type === 'start');
  const completions = lines.filter(isComplete);
  if (starts.length !== 1 || lines[0]?.type !== 'start') throw new Error('not one start line at the head');
  if (completions.length !== 1 || lines.at(-1)?.type !== 'complete') {
    throw new Error(`${completions.length} complete lines; the last line is ${lines.at(-1)?.type}`);
  }
  return completions[0]!;
}
