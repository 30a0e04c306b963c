/**
 * A process that sends fuzzed frames: `sender.ts PORT SEED LANES`. Each lane is a connection that sends a few, waits for
 * an answer to a request behind them, and comes back when it was closed. Says once a second how many frames it has sent;
 * ends with its standard input.
 */
import type { Socket } from 'node:net';
import { bareFrame, openBareSocket } from '@cc-executor/testing';
import { createRandom } from '../chaos/random.ts';
import { createFuzz } from './frames.ts';

/** Twenty that are malformed close a connection; of so many about that many are. */
const AT_ONCE = 40;
const PATIENCE_MS = 5_000;
const probe = bareFrame(
  Buffer.from(`{"jsonrpc":"2.0","id":"probe","method":"detach","params":{"jobId":"job_${'0'.repeat(32)}"}}`),
);
const isAnswered = (bytes: Buffer) => bytes.includes('"id":"probe"');

const [port, seed, lanes] = process.argv.slice(2).map(Number) as [number, number, number];
let sent = 0;

/** Resolves with whether the connection is still good: what broke a frame may swallow all that follows. */
function untilAnswered(socket: Socket): Promise<boolean> {
  return new Promise((resolve) => {
    const settle = (isGood: boolean) => {
      clearTimeout(timer);
      socket.off('data', look).off('close', gone);
      resolve(isGood);
    };
    const look = (bytes: Buffer) => {
      if (isAnswered(bytes)) settle(true);
    };
    const gone = () => settle(false);
    const timer = setTimeout(gone, PATIENCE_MS);
    socket.on('data', look).on('close', gone);
  });
}

async function runLane(lane: number): Promise<never> {
  const next = createFuzz(createRandom(seed, `lane ${lane}`));
  for (;;) {
    const socket = await openBareSocket(port);
    let isGood = true;
    while (isGood) {
      const frames = Array.from({ length: AT_ONCE }, next);
      const answered = untilAnswered(socket);
      socket.write(Buffer.concat([...frames, probe]));
      isGood = await answered;
      sent += AT_ONCE;
    }
    socket.destroy();
  }
}

process.stdin.on('close', () => process.exit(0)).resume();
setInterval(() => process.stdout.write(`${sent}\n`), 1_000);
await Promise.all(Array.from({ length: lanes }, (_, lane) => runLane(lane)));
