/**
 * The naive bridge with one socket write for all that a turn of the event loop brings: about the limit of `ws` and undici
 * on one core.
 *
 *   corked.ts UPSTREAM_URL
 */
import { callClaude, nextJobId, shortFrame } from './claude-call.ts';
import { answerJob, type Connection, servePlain } from './plain-server.ts';

const [upstreamUrl = ''] = process.argv.slice(2);

function corked({ ws, socket }: Connection): (frame: string) => void {
  let isCorked = false;
  return (frame) => {
    if (!isCorked) {
      isCorked = true;
      socket.cork();
      setImmediate(() => {
        isCorked = false;
        socket.uncork();
      });
    }
    ws.send(frame);
  };
}

await servePlain((connection, { id, params }) => {
  const jobId = nextJobId();
  answerJob(connection, id, jobId);
  const call = { upstreamUrl, jobId, prompt: String(params.prompt) };
  void callClaude(call, shortFrame, corked(connection));
});
