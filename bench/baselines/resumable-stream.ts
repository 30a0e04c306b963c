/**
 * The npm package `resumable-stream`, behind a WebSocket: a stream in the memory of the process that made it, which others
 * can follow by way of Redis.
 *
 *   resumable-stream.ts UPSTREAM_URL REDIS_URL
 */
import { Redis } from 'ioredis';
import { createResumableStreamContext } from 'resumable-stream/ioredis';
import { callClaude, nextJobId, shortFrame } from './claude-call.ts';
import { answerJob, type Connection, servePlain } from './plain-server.ts';

const [upstreamUrl = '', redisUrl = ''] = process.argv.slice(2);

const context = createResumableStreamContext({
  waitUntil: null,
  publisher: new Redis(redisUrl),
  subscriber: new Redis(redisUrl),
});

function streamFrames(jobId: string, prompt: string): ReadableStream<string> {
  return new ReadableStream({
    async start(controller) {
      await callClaude({ upstreamUrl, jobId, prompt }, shortFrame, (frame) =>
        controller.enqueue(`${frame}\n`),
      );
      controller.close();
    },
  });
}

async function forward({ ws }: Connection, jobId: string, prompt: string): Promise<void> {
  const stream = await context.resumableStream(jobId, () => streamFrames(jobId, prompt));
  for await (const part of stream ?? []) {
    for (const frame of String(part).split('\n')) if (frame !== '') ws.send(frame);
  }
}

await servePlain((connection, { id, params }) => {
  const jobId = nextJobId();
  answerJob(connection, id, jobId);
  void forward(connection, jobId, String(params.prompt));
});
