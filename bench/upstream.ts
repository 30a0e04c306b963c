/**
 * A scripted claude-api in a process of its own: answers with the lines that Claude Code gives, as recorded, in the number,
 * size and pace that the prompt asks for. Every chunk begins with `@<µs on the monotonic clock>@`, so that whoever reads it
 * knows how long it took. At full speed it writes many lines at once, as a pipe from the CLI gives them.
 */
import { createHash, randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { createServer, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { json } from 'node:stream/consumers';
import { announce } from './announce.ts';
import { monotonicUs } from './clock.ts';
import { type Script, scriptIn } from './script.ts';

const LINES_AT_ONCE = 32;
const BYTES_AT_ONCE = 64 * 1024;
/** A longer answer is not said again as a whole, as Claude Code would. */
const WHOLE_LIMIT = 256 * 1024;
/** Hashing larger pieces costs less. */
const HASHED_AT_ONCE = 8 * 1024;

const SESSION = '6f0a4a3e-5a53-4c0e-9a53-b8f6b1a2c3d4';
const TAIL = `,"session_id":"${SESSION}","parent_tool_use_id":null,"uuid":"0d7d6c8a-6a0d-4f5b-8f3a-1c2b3a4d5e6f"}\n`;
const MESSAGE = '"model":"claude-sonnet-4-5","id":"msg_1","type":"message","role":"assistant","content":';
const BEFORE_TEXT =
  '{"type":"stream_event","event":{"type":"content_block_delta","index":0,"delta":{"type":"text_delta","text":"';
const AFTER_TEXT = `"}}${TAIL}`;

/** The text of an answer, chunk by chunk, and what its last lines say about the whole. */
function createAnswer({ chunks, size }: Script) {
  const hash = createHash('sha256');
  let unhashed = '';
  let bytes = 0;
  let sent = 0;
  let whole: string | undefined = chunks * size <= WHOLE_LIMIT ? '' : undefined;

  function line(): string {
    const stamp = `@${Math.round(monotonicUs())}@`;
    const text = stamp.padEnd(size, 'x');
    sent += 1;
    bytes += text.length;
    unhashed += text;
    if (whole !== undefined) whole += text;
    if (unhashed.length > HASHED_AT_ONCE) {
      hash.update(unhashed);
      unhashed = '';
    }
    return BEFORE_TEXT + text + AFTER_TEXT;
  }

  return {
    executionId: randomUUID(),
    get left() {
      return chunks - sent;
    },
    /** At most so many lines more, as one text. */
    lines(count: number): string {
      let text = '';
      for (let i = 0; i < count && sent < chunks && text.length < BYTES_AT_ONCE; i += 1) text += line();
      return text;
    },
    end(): string {
      hash.update(unhashed);
      const said =
        whole === undefined
          ? ''
          : `{"type":"assistant","message":{${MESSAGE}[{"type":"text","text":"${whole}"}]}${TAIL}`;
      const result = whole === undefined ? '' : `"result":"${whole}",`;
      return (
        `{"type":"stream_event","event":{"type":"content_block_stop","index":0}${TAIL}${said}` +
        `{"type":"stream_event","event":{"type":"message_stop"}${TAIL}` +
        `{"type":"result","subtype":"success","is_error":false,"duration_ms":1,"num_turns":1,${result}"session_id":"${SESSION}","total_cost_usd":0.01,"usage":{"input_tokens":1,"output_tokens":${chunks}}}\n` +
        `{"type":"complete","execution_id":"${this.executionId}","status":"success","exit_code":0,"bytes":${bytes},"digest":"${hash.digest('hex')}"}\n`
      );
    },
  };
}

type Answer = ReturnType<typeof createAnswer>;

function begin(response: ServerResponse, { executionId }: Answer): void {
  response.writeHead(200, { 'content-type': 'application/x-ndjson' });
  response.write(
    `{"type":"start","execution_id":"${executionId}","engine":"claude"}\n` +
      `{"type":"system","subtype":"init","cwd":"/tmp","session_id":"${SESSION}","tools":[],"mcp_servers":[],"model":"claude-sonnet-4-5","permissionMode":"default","claude_code_version":"2.0.0"}\n` +
      `{"type":"stream_event","event":{"type":"message_start","message":{${MESSAGE}[]}}${TAIL}` +
      `{"type":"stream_event","event":{"type":"content_block_start","index":0,"content_block":{"type":"text","text":""}}${TAIL}`,
  );
}

function atFullSpeed(response: ServerResponse, answer: Answer): void {
  if (response.destroyed) return;
  const hasRoom = response.write(answer.lines(LINES_AT_ONCE));
  if (answer.left === 0) response.end(answer.end());
  else if (hasRoom) setImmediate(atFullSpeed, response, answer);
  else response.once('drain', () => atFullSpeed(response, answer));
}

/** Executions that stand still. At full speed none does. */
const paused = new Set<string>();

function paced(response: ServerResponse, answer: Answer, { chunks, rate }: Script): void {
  let startedAt = performance.now();
  const timer = setInterval(
    () => {
      // What it did not say meanwhile it does not say at once afterwards.
      if (paused.has(answer.executionId) && !response.destroyed) {
        startedAt = performance.now() - ((chunks - answer.left) * 1_000) / rate;
        return;
      }
      const due = 1 + Math.floor(((performance.now() - startedAt) * rate) / 1_000);
      const lines = answer.lines(due - (chunks - answer.left));
      if (lines !== '') response.write(lines);
      if (answer.left > 0 && !response.destroyed) return;
      clearInterval(timer);
      response.end(answer.end());
    },
    Math.max(1, 1_000 / rate),
  );
}

function answerScript(response: ServerResponse, script: Script): void {
  const answer = createAnswer(script);
  begin(response, answer);
  const go = () => (script.rate > 0 ? paced(response, answer, script) : atFullSpeed(response, answer));
  // Jobs that start together do not speak in step.
  const delayMs = script.delayMs ?? (script.rate > 0 ? (Math.random() * 1_000) / script.rate : 0);
  if (delayMs > 0) setTimeout(go, delayMs);
  else go();
}

const server = createServer({ keepAliveTimeout: 60_000 }, (request, response) => {
  const [, id, wish] = /^\/executions\/([^/]+)\/(pause|resume)$/.exec(request.url ?? '') ?? [];
  if (request.method === 'POST' && id !== undefined) {
    if (wish === 'pause') paused.add(id);
    else paused.delete(id);
    response.end('{}');
    return;
  }
  if (request.method !== 'POST' || !request.url?.startsWith('/execute/')) {
    response.writeHead(request.method === 'GET' ? 200 : 404, { 'content-type': 'application/json' });
    response.end('{"status":"ok","ready":true}');
    return;
  }
  json(request).then(
    (body) => answerScript(response, scriptIn((body as { question: string }).question)),
    () => response.destroy(),
  );
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');
announce((server.address() as AddressInfo).port);
