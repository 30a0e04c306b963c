/** Ends child processes with the test process: vitest ends its own by SIGTERM, at which Node emits no `exit`. */
import type { ChildProcess } from 'node:child_process';

const children = new Set<ChildProcess>();
let isWatching = false;

/** Kills the child (SIGKILL) when this process ends, unless it has ended by then. */
export function killWithParent(child: ChildProcess): void {
  if (!isWatching) {
    isWatching = true;
    process.once('exit', killAll);
    process.once('SIGTERM', endBySignal);
  }
  children.add(child);
  child.once('exit', () => children.delete(child));
}

function killAll(): void {
  for (const child of children) child.kill('SIGKILL');
}

/** Sent once more, the signal does what it would have done without us. */
function endBySignal(signal: NodeJS.Signals): void {
  killAll();
  process.kill(process.pid, signal);
}
