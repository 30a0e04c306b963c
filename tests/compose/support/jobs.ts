/** Jobs of the demo engine, whose every event is kept and judged. */
import { type Client, ClientError } from '@cc-executor/client';
import {
  type ExecuteParams,
  emptyFold,
  foldEvents,
  foldedText,
  isTerminalEvent,
  type JobEvent,
  type TerminalEvent,
} from '@cc-executor/protocol';
import { expect } from 'vitest';
import { nonce } from '../../e2e/support/nonce.ts';

export type Script = Partial<ExecuteParams> & {
  /** How long it takes, in ms; default 0.4 s. */
  lastsMs?: number;
};

export type Job = {
  jobId: string;
  /** What it says if nothing goes wrong. */
  expected: string;
  /** Resolves with the first output. */
  untilOutput: Promise<void>;
  /** Resolves with the terminal event, after the events were judged: one terminal event, the last; no hole. */
  ended: Promise<TerminalEvent>;
  text(): string;
};

const PIECE_MS = 50;

/** Starts a job that says something nobody can guess, in pieces. */
export async function startJob(client: Client, { lastsMs = 400, ...params }: Script = {}): Promise<Job> {
  const repeat = Math.ceil(lastsMs / PIECE_MS);
  const text = `${nonce()} `;
  const prompt = `demo:${JSON.stringify({ text, repeat, delayMs: PIECE_MS })}`;
  const handle = await client.execute({ prompt, ...params });
  const events: JobEvent[] = [];
  const output = Promise.withResolvers<void>();

  async function follow(): Promise<TerminalEvent> {
    for await (const event of handle.events()) {
      events.push(event);
      if (event.type === 'output') output.resolve();
    }
    output.reject(new Error(`job ${handle.jobId} ended without output: ${JSON.stringify(events.at(-1))}`));
    expect(events.map(({ seq }) => seq)).toEqual(events.map((_, index) => index + 1));
    expect(events.filter(isTerminalEvent)).toEqual(events.slice(-1));
    return events.at(-1) as TerminalEvent;
  }

  const ended = follow();
  for (const promise of [ended, output.promise]) promise.catch(() => undefined);
  return {
    jobId: handle.jobId,
    expected: text.repeat(repeat),
    untilOutput: output.promise,
    ended,
    text: () => foldedText(foldEvents(emptyFold, events)),
  };
}

/**
 * That the job completed, with all that it had to say, and that whoever asks now is told the same: after an outage of Redis as soon
 * as the gateway's connection for questions is back, too.
 */
export async function expectCompleted(client: Client, job: Job): Promise<void> {
  const end = await job.ended;
  expect(end, JSON.stringify(end)).toMatchObject({ type: 'completed' });
  expect(job.text()).toBe(job.expected);
  const asked = () => client.get(job.jobId).then(({ terminal }) => terminal, codeOfUnavailable);
  await expect.poll(asked).toEqual(end);
}

function codeOfUnavailable(error: unknown): string {
  if (error instanceof ClientError && error.code === 'unavailable') return error.code;
  throw error;
}
