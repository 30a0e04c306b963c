/**
 * What a user would write instead: a WebSocket server that calls claude-api itself. No Redis, no promise.
 *
 *   naive.ts UPSTREAM_URL
 */
import { callClaude, nextJobId, shortFrame } from './claude-call.ts';
import { answerJob, servePlain } from './plain-server.ts';

const [upstreamUrl = ''] = process.argv.slice(2);

await servePlain((connection, { id, params }) => {
  const jobId = nextJobId();
  answerJob(connection, id, jobId);
  const call = { upstreamUrl, jobId, prompt: String(params.prompt) };
  void callClaude(call, shortFrame, (frame) => connection.ws.send(frame));
});
