/**
 * A service of ours that logs warnings only, as one does where a line a job would be too much to pay for. So its log does
 * not tell its port or that it is ready: it gets a free port, and its `/ready` tells.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as sleep } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SERVICE_FLAGS } from '@cc-executor/runtime';
import { freePort, killWithParent, quickStart } from '@cc-executor/testing';

export type QuietService = {
  pid: number;
  port: number;
  kill(): void;
  stop(): Promise<void>;
};

const READY_MS = 30_000;
const LOOK_MS = 20;
const STOP_MS = 20_000;

/** @param portVariable the setting that says where it listens. Rejects when it exits, or does not get ready. */
export async function startQuietService(
  app: 'gateway' | 'worker' | 'claude-api',
  portVariable: string,
  env: Record<string, string>,
): Promise<QuietService> {
  const port = await freePort();
  const main = fileURLToPath(new URL(`../../apps/${app}/src/main.ts`, import.meta.url));
  const { PATH, HOME } = process.env;
  const child = spawn(process.execPath, [...SERVICE_FLAGS, ...quickStart(main)], {
    env: { PATH, HOME, LOG_LEVEL: 'warn', LOG_FORMAT: 'json', [portVariable]: `${port}`, ...env },
    // The audit log is written whatever the level: a line for each job that comes with a key.
    stdio: ['ignore', env.AUTH_MODE === undefined ? 'inherit' : 'ignore', 'inherit'],
  });
  killWithParent(child);
  const exited = once(child, 'exit');
  const until = performance.now() + READY_MS;
  while (!(await isReady(port))) {
    if (child.exitCode !== null || child.signalCode !== null) {
      throw new Error(`${app} exited with ${child.exitCode ?? child.signalCode}`);
    }
    if (performance.now() > until) throw new Error(`${app} did not get ready`);
    await sleep(LOOK_MS);
  }
  return {
    pid: child.pid ?? 0,
    port,
    kill: () => void child.kill('SIGKILL'),
    async stop() {
      child.kill('SIGTERM');
      const timer = setTimeout(() => child.kill('SIGKILL'), STOP_MS);
      await exited;
      clearTimeout(timer);
    },
  };
}

function isReady(port: number): Promise<boolean> {
  return fetch(`http://127.0.0.1:${port}/ready`).then(
    (answer) => answer.ok,
    () => false,
  );
}
