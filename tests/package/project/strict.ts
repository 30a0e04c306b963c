// What a program in TypeScript's strictest mode can rely on.
import {
  type Client,
  ClientError,
  createClient,
  isTerminalEvent,
  type JobEvent,
  type StandardSchema,
} from '@cc-executor/client';

export async function ask(client: Client, prompt: string): Promise<string> {
  const job = await client.execute({ prompt, effort: 'low', timeouts: { totalMs: 60_000 } });
  for await (const event of job.events()) describe(event);
  const end = await job.done();
  if (end.type === 'failed') throw new Error(end.error.message);
  return end.type === 'completed' ? (end.text ?? job.answer()) : '';
}

export function describe(event: JobEvent): string {
  switch (event.type) {
    case 'output':
      return event.text;
    case 'tool_started':
      return `${event.name} ${Object.keys(event.input).length}`;
    case 'tool_ended':
      return event.isError ? 'failed' : `${event.durationMs.toFixed()} ms`;
    default:
      return isTerminalEvent(event) ? `${event.type} ${event.costUsd ?? 0}` : `${event.seq.toFixed()}`;
  }
}

export function isGone(error: unknown): boolean {
  return error instanceof ClientError && error.code === 'job_not_found';
}

export async function add(sums: StandardSchema<{ sum: number }>): Promise<number> {
  const job = await client.execute({ prompt: 'What is 1 + 2?', outputSchema: sums });
  const { output } = await job.result();
  return output.sum;
}

const client: Client = createClient({ url: 'ws://127.0.0.1:8003/ws' });
// @ts-expect-error There is no such option.
void client.execute({ prompt: 'hello', temprature: 1 });
// @ts-expect-error Nor such a code.
export const never = new ClientError('no_such_code');
