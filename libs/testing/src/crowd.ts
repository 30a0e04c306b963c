/** Many clients that mean harm, in a process of their own, so that the test has time for those that mean none. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { killWithParent } from './kill-with-parent.ts';
import { quickStart } from './quick-start.ts';

export type CrowdPlan = {
  /** The gateway's. */
  port: number;
  count: number;
} & (
  | { mode: 'unfinished'; frameBytes: number }
  | { mode: 'deaf'; jobId: string }
  | { mode: 'flood'; frame: string }
);

export type Crowd = {
  /** Resolves when all have done what they do: of a flood, when all send. */
  ready: Promise<void>;
  /** How many connections the gateway has closed. */
  closed(): number;
  /** Idempotent. */
  close(): Promise<void>;
};

/**
 * Starts a crowd. `unfinished`: each begins a frame of so many bytes and leaves out its last. `deaf`: each attaches to a
 * job and reads nothing. `flood`: each sends the frame again and again, and comes back when it is closed.
 */
export function startCrowd(plan: CrowdPlan): Crowd {
  const script = fileURLToPath(new URL('./crowd-main.ts', import.meta.url));
  const child = spawn(process.execPath, quickStart(script), { stdio: ['pipe', 'pipe', 'inherit'] });
  killWithParent(child);
  let closed = 0;
  const exited = once(child, 'exit');
  const ready = new Promise<void>((resolve, reject) => {
    createInterface({ input: child.stdout }).on('line', (line) => {
      if (line === 'closed') closed += 1;
      if (line === 'ready') resolve();
    });
    child.once('exit', (code) => reject(new Error(`the crowd exited with ${code}`)));
  });
  // Whoever waits is told.
  ready.catch(() => undefined);
  child.stdin.write(`${JSON.stringify(plan)}\n`);
  return {
    ready,
    closed: () => closed,
    async close() {
      child.stdin.end();
      await exited;
    },
  };
}
