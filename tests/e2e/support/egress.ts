/** The way out of claude-api's network (deploy/egress/proxy.mjs), as a process of a test. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, onTestFinished } from 'vitest';

const program = fileURLToPath(new URL('../../../deploy/egress/proxy.mjs', import.meta.url));

/** Starts it on loopback, and sees that it ends as it should; gives its port. */
export async function startEgress(env: Record<string, string> = {}): Promise<number> {
  const child = spawn(process.execPath, [program], {
    env: { EGRESS_PORT: '0', EGRESS_HOST: '127.0.0.1', ...env },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'exit');
  onTestFinished(async () => {
    child.kill('SIGTERM');
    expect(await ended).toEqual([0, null]);
  });
  for await (const line of createInterface(child.stdout)) {
    const { event, port } = JSON.parse(line);
    child.stdout.resume();
    if (event === 'ready') return port;
  }
  throw new Error('it ended before it was ready');
}
