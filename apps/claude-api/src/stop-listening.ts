/**
 * Stops listening without breaking a caller off. The system completes connections before we see them, and those that
 * wait to be taken when the port is closed are reset: their callers cannot know whether their request was begun, and give
 * the job up. So the port is closed in the instant after all that waited were taken, and what was taken is answered.
 */
import { Server } from 'node:net';
import { setImmediate } from 'node:timers/promises';

/** A turn of the event loop this short had nothing to do but take connections, so that hardly one can have come since, in ms. */
const QUIET_TURN_MS = 0.1;
const MOST_TURNS = 2_000;

/** Closes the port of a server; its connections stay. */
export async function stopListening(server: Server): Promise<void> {
  let from = performance.now();
  for (let turn = 0; turn < MOST_TURNS; turn += 1) {
    // Comes right after the turn's connections were taken.
    await setImmediate();
    const now = performance.now();
    if (now - from < QUIET_TURN_MS) break;
    from = now;
  }
  // An HTTP server's own would close connections, too, that have sent nothing yet.
  Server.prototype.close.call(server);
}
