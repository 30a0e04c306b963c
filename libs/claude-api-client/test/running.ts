/** Runs calls against a scripted upstream and gathers what they give. */
import {
  type ScriptedUpstream,
  startScriptedUpstream,
  type UpstreamCall,
  type UpstreamScript,
} from '@cc-executor/testing';
import { onTestFinished } from 'vitest';
import {
  type ClaudeApiClient,
  type ClaudeApiClientOptions,
  createClaudeApiClient,
  type ExecuteOptions,
  type UpstreamEvent,
  type UpstreamOutcome,
  type UpstreamRequest,
} from '../src/index.ts';

export const request: UpstreamRequest = { executionId: 'job_1-1', question: 'Tell me a thing', options: {} };

export type Ran = {
  /** All events but `end`. */
  events: UpstreamEvent[];
  outcome: UpstreamOutcome;
  /** The text blocks that stand after all events. */
  blocks: string[];
};

/** Starts an upstream and a client for it, and closes both when the test is over. */
export async function startPair(
  script: UpstreamScript | ((call: UpstreamCall) => UpstreamScript),
  options: Partial<ClaudeApiClientOptions> = {},
): Promise<{ upstream: ScriptedUpstream; client: ClaudeApiClient }> {
  const upstream = await startScriptedUpstream(script);
  const client = createClaudeApiClient({ url: upstream.url, ...options });
  onTestFinished(async () => {
    await client.close();
    await upstream.close();
  });
  return { upstream, client };
}

/** Makes one call to its end; fails when there is not exactly one `end`, as the last event. */
export async function run(
  client: ClaudeApiClient,
  options: ExecuteOptions & { onEvent?: (event: UpstreamEvent) => void } = {},
): Promise<Ran> {
  const { onEvent, ...executeOptions } = options;
  const all: UpstreamEvent[] = [];
  for await (const batch of client.execute(request, executeOptions)) {
    if (batch.length === 0) throw new Error('an empty batch');
    for (const event of batch) {
      all.push(event);
      onEvent?.(event);
    }
  }
  const last = all.at(-1);
  if (last?.type !== 'end' || all.filter(({ type }) => type === 'end').length !== 1) {
    throw new Error('not exactly one end, as the last event');
  }
  return { events: all.slice(0, -1), outcome: last.outcome, blocks: foldBlocks(all) };
}

/** One call to an upstream of its own. */
export async function runScript(
  script: UpstreamScript,
  options: Partial<ClaudeApiClientOptions> = {},
): Promise<Ran & { upstream: ScriptedUpstream }> {
  const { upstream, client } = await startPair(script, options);
  return { ...(await run(client)), upstream };
}

export function foldBlocks(events: readonly UpstreamEvent[]): string[] {
  const blocks: string[] = [];
  for (const event of events) {
    if (event.type === 'discard') blocks.pop();
    else if (event.type === 'text' && event.begin) blocks.push(event.text);
    else if (event.type === 'text') blocks.push(`${blocks.pop()}${event.text}`);
  }
  return blocks;
}

export const lines = {
  start: { line: { type: 'start', execution_id: 'e1', engine: 'claude' } },
  ping: { line: { type: 'ping' } },
  paused: { line: { type: 'paused' } },
  resumed: { line: { type: 'resumed' } },
  text: (text: string) => ({
    line: {
      type: 'stream_event',
      event: { type: 'content_block_delta', index: 0, delta: { type: 'text_delta', text } },
    },
  }),
  answer: (text: string) => ({
    line: { type: 'assistant', message: { id: 'm', model: 'claude', content: [{ type: 'text', text }] } },
  }),
  result: (fields: object = {}) => ({
    line: {
      type: 'result',
      subtype: 'success',
      is_error: false,
      session_id: 's1',
      num_turns: 1,
      duration_ms: 5,
      total_cost_usd: 0.5,
      usage: { output_tokens: 3 },
      ...fields,
    },
  }),
  complete: (fields: object = {}) => ({ line: { type: 'complete', status: 'success', ...fields } }),
};
