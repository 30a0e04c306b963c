/**
 * Loaded before a child of `cc-executor up` (`--import`): ends it when its parent is gone, however that died.
 * Standard input is a pipe that only the parent holds, so its end means that there is no parent any more.
 * A JavaScript file of its own, so that the programs themselves need not know.
 */
import { isMainThread } from 'node:worker_threads';

/** How long the program may close by itself before it is ended, in ms: `parent-watch.mjs?graceMs=5000`. */
const graceMs = Number(new URL(import.meta.url).searchParams.get('graceMs'));

// A worker thread loads this file too, and its standard input ends at once.
if (isMainThread) {
  // A reset pipe is as good as an ended one: 'close' follows.
  process.stdin.on('error', () => {});
  process.stdin.once('close', () => {
    setTimeout(() => process.exit(1), graceMs);
    process.kill(process.pid, 'SIGTERM');
  });
  process.stdin.resume();
  process.stdin.unref?.();
}
