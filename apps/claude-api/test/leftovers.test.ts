/** The service as a process that ends badly: no Claude Code and nothing it started outlives it for long. */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { chmodSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import type { LogEvent } from '@cc-executor/runtime';
import { quickStart } from '@cc-executor/testing';
import { describe, expect, onTestFinished, test } from 'vitest';
import { GUARD_NAME } from '../src/leftover-guard.ts';
import { fakeCli, isDelta, readUntil, streamLines, temporaryFolder } from './harness.ts';
import { processesNamed, processesOf, untilProcesses } from './process-table.ts';

const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));

function start(env: Record<string, string>) {
  const child = spawn(process.execPath, quickStart(main), {
    env: {
      PATH: process.env.PATH,
      HOME: temporaryFolder(),
      CLAUDE_API_PORT: '0',
      LOG_FORMAT: 'json',
      CLAUDE_DRAIN_MS: '60s',
      ...env,
    },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  return child;
}

async function untilLogged(child: ChildProcess, event: LogEvent): Promise<Record<string, unknown>> {
  for await (const text of createInterface(child.stdout!)) {
    const line = JSON.parse(text) as Record<string, unknown>;
    if (line.event === event) return line;
  }
  throw new Error(`it ended before it said: ${event}`);
}

async function ready(child: ChildProcess): Promise<string> {
  const { port } = await untilLogged(child, 'ready');
  return `http://127.0.0.1:${port}`;
}

/** Starts an execution that ends only by SIGKILL, with others beside it. */
async function begin(url: string, body: { executionId: string; model: string; question?: string }) {
  const response = await fetch(`${url}/execute/claude-stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'hello', ...body }),
  });
  const lines = streamLines(response);
  await readUntil(lines, isDelta);
  // The end of it is a connection that breaks.
  void lines.next().catch(() => {});
  if (body.model === 'hangsWithChildren')
    await untilProcesses(() => processesOf(body.executionId).length >= 3);
}

describe.runIf(process.platform === 'linux')('a service that ends badly', () => {
  test('by a second signal takes everything along', async () => {
    const executionId = `left-${randomUUID()}`;
    const child = start({ CLAUDE_BIN: fakeCli(), CLAUDE_WORK_DIR: temporaryFolder() });
    const exited = once(child, 'exit');
    await begin(await ready(child), { executionId, model: 'hangsWithChildren' });
    child.kill('SIGTERM');
    child.kill('SIGINT');
    expect(await exited).toEqual([130, null]);
    await untilProcesses(() => processesOf(executionId).length === 0, 2_000);
  });

  test('by SIGKILL leaves its executions to its guard, which ends them, also those that stand still, and what escaped', async () => {
    const env = { CLAUDE_BIN: fakeCli(), CLAUDE_SANDBOX: 'off', CLAUDE_WORK_DIR: temporaryFolder() };
    const [paused, runs, daemon] = ['paused', 'runs', 'daemon'].map((name) => `${name}-${randomUUID()}`) as [
      string,
      string,
      string,
    ];
    const child = start(env);
    const url = await ready(child);
    await Promise.all([
      begin(url, { executionId: runs, model: 'hangsWithChildren' }),
      begin(url, { executionId: paused, question: `${daemon} hang`, model: 'escapes' }),
    ]);
    expect((await fetch(`${url}/executions/${paused}/pause`, { method: 'POST' })).status).toBe(200);
    expect(processesNamed(daemon).length).toBeGreaterThan(0);
    const exited = once(child, 'exit');
    child.kill('SIGKILL');
    await exited;
    await untilProcesses(() =>
      [processesOf(paused), processesOf(runs), processesNamed(daemon)].every(({ length }) => length === 0),
    );
  });

  test('that is killed with its guard leaves what the next one removes, and that one leaves alone what still has an owner', async () => {
    const workDir = temporaryFolder();
    const env = { CLAUDE_BIN: fakeCli(), CLAUDE_WORK_DIR: workDir };
    const [lost, kept] = [`left-${randomUUID()}`, `left-${randomUUID()}`];
    const first = start(env);
    const other = start(env);
    const hang = (child: ChildProcess, executionId: string) =>
      ready(child).then((url) => begin(url, { executionId, model: 'hangsWithChildren' }));
    await Promise.all([hang(first, lost), hang(other, kept)]);
    const exited = once(first, 'exit');
    const guardOf = ({ pid }: ChildProcess) =>
      processesNamed(GUARD_NAME).find(({ parent }) => parent === pid)!.pid;
    const guard = guardOf(other);
    process.kill(guardOf(first), 'SIGKILL');
    first.kill('SIGKILL');
    await exited;
    expect(processesOf(lost).length).toBeGreaterThanOrEqual(3);
    const folders = () => readdirSync(workDir).filter((name) => name.startsWith('execution-'));
    expect(folders()).toHaveLength(2);

    const next = start(env);
    // A service of another test that starts meanwhile may be the one that ends the processes: they are not counted.
    expect(await untilLogged(next, 'leftovers_removed')).toMatchObject({ folders: 1 });
    await untilProcesses(() => processesOf(lost).length === 0, 2_000);
    expect(processesOf(kept).length).toBeGreaterThanOrEqual(3);
    expect(folders()).toHaveLength(1);
    const gone = once(other, 'exit');
    other.kill('SIGTERM');
    other.kill('SIGINT');
    await gone;
    await untilProcesses(() => processesOf(kept).length === 0, 2_000);
    // It goes with the service that ends by itself.
    await untilProcesses(() => processesNamed(GUARD_NAME).every(({ pid }) => pid !== guard));
  });
});

describe('a configuration that cannot work ends the start', () => {
  async function refuse(env: Record<string, string>): Promise<string> {
    const child = start(env);
    let text = '';
    child.stderr?.on('data', (chunk) => {
      text += chunk;
    });
    expect(await once(child, 'close')).toEqual([78, null]);
    return text;
  }

  test('a CLI that was named but is not there, is no program, or cannot be run', async () => {
    expect(await refuse({ CLAUDE_BIN: '/no/such/claude' })).toContain('CLAUDE_BIN cannot be run');
    const bin = join(temporaryFolder(), 'claude');
    writeFileSync(bin, '#!/no/such/interpreter\n');
    expect(await refuse({ CLAUDE_BIN: bin })).toContain('CLAUDE_BIN cannot be run');
    chmodSync(bin, 0o755);
    expect(await refuse({ CLAUDE_BIN: bin, CLAUDE_ENGINE: 'claude' })).toContain('ENOENT');
  });

  test('defaults beyond the ceilings, all named at once', async () => {
    const text = await refuse({
      CLAUDE_ENGINE: 'demo',
      CLAUDE_MODEL: 'opus',
      CLAUDE_MODELS: 'sonnet,haiku',
      CLAUDE_PERMISSION_MODE: 'plan',
      CLAUDE_TOOLS: 'Read',
      CLAUDE_PERMISSION_MODES: 'default,bypassPermissions',
      CLAUDE_ALLOWED_TOOLS: 'Bash(git log:*)',
    });
    expect(text).toContain('CLAUDE_MODEL is not one of');
    expect(text).toContain('CLAUDE_PERMISSION_MODE is not one of');
    expect(text).toContain('CLAUDE_ALLOWED_TOOLS holds Bash');
    expect(text).toContain('needs CLAUDE_RESTRICTED=false');
    expect(await refuse({ CLAUDE_REQUEST_ENV: 'TZ,LD_PRELOAD' })).toContain('may never set');
    expect(await refuse({ CLAUDE_MAX_BUDGET_USD: '-1' })).toContain('is not a number above 0');
  });
});
