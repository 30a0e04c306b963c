/** `npm start`'s command with the demo engine, on free ports, for what is tried in a browser. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { quickStart, quickStarts } from '@cc-executor/testing';

const MAIN = fileURLToPath(new URL('../../apps/cli/src/main.ts', import.meta.url));

export type DemoStack = {
  /** The gateway's native door, the jobs of its HTTP door, and the dashboard's origin. */
  url: string;
  jobs: string;
  dashboard: string;
  stop(): Promise<unknown>;
};

/** All that it writes is in the folder. Resolves when it is ready. */
export async function startDemoStack(folder: string, env: Record<string, string> = {}): Promise<DemoStack> {
  const ports = { CLAUDE_API_PORT: '0', GATEWAY_PORT: '0', DASHBOARD_PORT: '0' };
  const places = { HOME: folder, CLAUDE_WORK_DIR: join(folder, 'work'), UP_DATA_DIR: join(folder, 'redis') };
  const child = spawn(process.execPath, [...quickStart(MAIN), 'up'], {
    env: {
      PATH: '/nowhere',
      CLAUDE_ENGINE: 'demo',
      NO_COLOR: '1',
      ...quickStarts(),
      ...ports,
      ...places,
      ...env,
    },
    stdio: ['ignore', 'pipe', 'inherit'],
  });
  const ended = once(child, 'close');
  let said = '';
  for await (const text of child.stdout.setEncoding('utf8').iterator({ destroyOnReturn: false })) {
    said += text;
    if (said.includes('Ctrl-C')) break;
  }
  child.stdout.resume();
  const url = /ws:\S+\/ws\b/.exec(said)?.[0] ?? said;
  return {
    url,
    jobs: url.replace(/^ws(.*)\/ws$/, 'http$1/v1/jobs'),
    dashboard: /dashboard +(http:\S+)/.exec(said)?.[1] ?? said,
    stop() {
      child.kill('SIGTERM');
      return ended;
    },
  };
}
