/** `npm start`'s command as a process, on free ports, with all that it writes in one folder. */
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { type Child, runNode } from './child.ts';
import { descendants } from './processes.ts';

export type Up = { child: Child; pids: number[]; url: string };

const file = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url));
const launcher = file('tools/runtime/run.mjs');

/** The command. */
export const main = file('apps/cli/src/main.ts');

/** Starts it with the demo engine and no program on PATH, unless told otherwise. */
export function launchUp(folder: string, env: NodeJS.ProcessEnv): Child {
  return runNode([launcher, main, 'up'], {
    env: {
      PATH: '/nowhere',
      HOME: folder,
      CLAUDE_ENGINE: 'demo',
      CLAUDE_WORK_DIR: join(folder, 'work'),
      UP_DATA_DIR: join(folder, 'redis'),
      CLAUDE_API_PORT: '0',
      GATEWAY_PORT: '0',
      DASHBOARD_PORT: '0',
      NO_COLOR: '1',
      ...env,
    },
  });
}

/** Starts it, and waits for its table. */
export async function startUp(folder: string, env: NodeJS.ProcessEnv): Promise<Up> {
  const child = launchUp(folder, env);
  const [, url] = await child.untilOutput(/Try it: +npx cc-executor run --url (ws:\S+) "hello"\n.*Ctrl-C/);
  return { child, pids: descendants(child.pid), url: url! };
}
