/**
 * How every baseline reads claude-api: the stream's lines, each made a frame of its own, as somebody would write it who
 * needs it today.
 */
import { request } from 'undici';

type Line = {
  type: string;
  status?: string;
  event?: { type: string; delta: { text: string } };
};

/** The frame of a chunk of a job. */
export type OutputFrame<F> = (jobId: string, seq: number, text: string) => F;

/**
 * Runs the prompt and hands out a frame for each chunk and one for the end; a failure of the call becomes a last frame, too.
 */
export async function callClaude<F>(
  call: { upstreamUrl: string; jobId: string; prompt: string },
  frame: OutputFrame<F>,
  send: (frame: F | string) => void,
): Promise<void> {
  const { jobId } = call;
  let seq = 0;
  try {
    const { body } = await request(`${call.upstreamUrl}/execute/claude-stream`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ question: call.prompt }),
    });
    body.setEncoding('utf8');
    let rest = '';
    for await (const part of body) {
      const lines = (rest + part).split('\n');
      rest = lines.pop() ?? '';
      for (const line of lines) {
        const value = JSON.parse(line) as Line;
        if (value.type === 'stream_event' && value.event?.type === 'content_block_delta') {
          seq += 1;
          send(frame(jobId, seq, value.event.delta.text));
        } else if (value.type === 'complete') {
          seq += 1;
          send(JSON.stringify({ jobId, seq, type: 'completed', status: value.status }));
        }
      }
    }
  } catch (error) {
    send(JSON.stringify({ jobId, seq: seq + 1, type: 'failed', message: String(error) }));
  }
}

/** The shortest frame that carries all that a reader needs. */
export const shortFrame: OutputFrame<string> = (jobId, seq, text) =>
  JSON.stringify({ jobId, seq, type: 'output', text });

let jobs = 0;

/** As long as the product's. */
export function nextJobId(): string {
  jobs += 1;
  return `job_${String(jobs).padStart(22, '0')}`;
}
