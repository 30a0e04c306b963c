/** The service as a process: configured by the environment, ended by a signal. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { quickStart } from '@cc-executor/testing';
import { expect, onTestFinished, test } from 'vitest';
import { parseLines, soleCompletion, temporaryFolder } from './harness.ts';

test('it starts, serves, and ends cleanly on SIGTERM; its log has no prompt and no answer', async () => {
  const main = fileURLToPath(new URL('../src/main.ts', import.meta.url));
  const child = spawn(process.execPath, quickStart(main), {
    env: { PATH: temporaryFolder(), CLAUDE_API_PORT: '0', CLAUDE_ENGINE: 'demo', LOG_FORMAT: 'json' },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  onTestFinished(() => void child.kill('SIGKILL'));
  const exited = once(child, 'exit');
  const log: string[] = [];
  const { promise: port, resolve } = Promise.withResolvers<number>();
  createInterface(child.stdout).on('line', (line) => {
    log.push(line);
    const entry = JSON.parse(line);
    if (entry.event === 'ready') resolve(entry.port);
  });
  const response = await fetch(`http://127.0.0.1:${await port}/execute/claude-stream`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ question: 'demo:{"text":"unguessable-4711"}' }),
  });
  expect(soleCompletion(parseLines(await response.text())).status).toBe('success');
  child.kill('SIGTERM');
  expect(await exited).toEqual([0, null]);
  expect(log.map((line) => JSON.parse(line).event)).toEqual([
    'ready',
    'execution_started',
    'execution_ended',
    'draining',
    'stopped',
  ]);
  expect(log.join('')).not.toContain('unguessable-4711');
});
