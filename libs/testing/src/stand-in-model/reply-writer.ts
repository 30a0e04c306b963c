/** Writes a reply in the Messages API's two forms: server-sent events, and one JSON document. */
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { setTimeout as delay, setImmediate } from 'node:timers/promises';
import type { ModelBehaviour, ModelError } from './directives.ts';
import type { Reply } from './reply.ts';

const INPUT_TOKENS = 12;

/** Sends the reply as one message. */
export function writeMessage(
  response: ServerResponse,
  model: string,
  reply: Reply,
  behaviour: ModelBehaviour,
): void {
  const stopReason = stopReasonOf(reply, behaviour);
  const message = { ...emptyMessage(model), content: [fullBlock(reply)], stop_reason: stopReason };
  response.writeHead(200, { 'content-type': 'application/json' });
  response.end(
    JSON.stringify({ ...message, usage: { ...message.usage, output_tokens: outputTokens(reply) } }),
  );
}

/** Sends an API error. */
export function writeError(
  response: ServerResponse,
  { status, type, message = `The stand-in model answers ${status}`, headers }: ModelError,
): void {
  const types: Record<number, string> = {
    400: 'invalid_request_error',
    401: 'authentication_error',
    429: 'rate_limit_error',
    529: 'overloaded_error',
  };
  const error = { type: type ?? types[status] ?? 'api_error', message };
  response.writeHead(status, { 'content-type': 'application/json', ...headers });
  response.end(JSON.stringify({ type: 'error', error }));
}

/** Streams the reply, at the behaviour's pace. Stops, without an error, when the caller goes away. */
export async function streamReply(
  response: ServerResponse,
  model: string,
  reply: Reply,
  behaviour: ModelBehaviour,
  signal: AbortSignal,
): Promise<void> {
  const send = (type: string, fields: object) =>
    response.write(`event: ${type}\ndata: ${JSON.stringify({ type, ...fields })}\n\n`);

  response.writeHead(200, { 'content-type': 'text/event-stream', 'cache-control': 'no-store' });
  response.flushHeaders();
  if (behaviour.waitMs !== undefined) await delay(behaviour.waitMs, undefined, { signal });
  send('message_start', { message: emptyMessage(model) });
  const block = reply.type === 'tool' ? { ...fullBlock(reply), input: {} } : { type: 'text', text: '' };
  send('content_block_start', { index: 0, content_block: block });
  let sent = 0;
  for (const delta of deltas(reply)) {
    if (sent === behaviour.dropAfter) {
      // Node holds writes back until the tick is over, and destroy() would discard them.
      await setImmediate();
      return void response.destroy();
    }
    if (sent > 0 && behaviour.delayMs) await delay(behaviour.delayMs, undefined, { signal });
    if (!send('content_block_delta', { index: 0, delta })) await once(response, 'drain', { signal });
    sent += 1;
  }
  send('content_block_stop', { index: 0 });
  const delta = { stop_reason: stopReasonOf(reply, behaviour), stop_sequence: null };
  send('message_delta', { delta, usage: { output_tokens: outputTokens(reply) } });
  send('message_stop', {});
  response.end();
}

function* deltas(reply: Reply): Generator<object> {
  if (reply.type === 'tool')
    yield { type: 'input_json_delta', partial_json: JSON.stringify(reply.tool.input) };
  else for (const text of reply.pieces) yield { type: 'text_delta', text };
}

function stopReasonOf(reply: Reply, { stopReason = 'end_turn' }: ModelBehaviour): string {
  return reply.type === 'tool' ? 'tool_use' : stopReason;
}

function fullBlock(reply: Reply): object {
  if (reply.type === 'text') return { type: 'text', text: reply.text };
  return { type: 'tool_use', id: `toolu_${randomUUID()}`, ...reply.tool };
}

function outputTokens(reply: Reply): number {
  return reply.type === 'text' ? reply.pieces.length : 20;
}

function emptyMessage(model: string) {
  return {
    id: `msg_${randomUUID()}`,
    type: 'message',
    role: 'assistant',
    model,
    content: [] as object[],
    stop_reason: null as string | null,
    stop_sequence: null,
    usage: {
      input_tokens: INPUT_TOKENS,
      cache_creation_input_tokens: 0,
      cache_read_input_tokens: 0,
      output_tokens: 1,
    },
  };
}
