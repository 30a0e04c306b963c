/** The transport for the AI SDK, with a gateway that does what the test says. The AI SDK itself comes in `npm run test:package`. */
import { beforeEach, expect, it } from 'vitest';
import { type ChatChunk, createChatTransport } from '../src/ai-sdk.ts';
import type { Client } from '../src/index.ts';
import { openClient, startGateway } from './harness.ts';
import {
  completed,
  output,
  queued,
  type ScriptedConnection,
  type ScriptedGateway,
  type ScriptedJob,
  scriptJob,
} from './scripted-gateway.ts';

let gateway: ScriptedGateway;
let client: Client;
beforeEach(async () => {
  gateway = await startGateway();
  client = openClient(gateway.url);
});

const messages = [
  {
    role: 'user',
    parts: [
      { type: 'text', text: 'What is ' },
      { type: 'text', text: '6 * 7?' },
    ],
  },
];
const chatId = 'chat-1';

async function chunksOf(
  stream: Promise<ReadableStream<ChatChunk> | null>,
  chunks: ChatChunk[] = [],
): Promise<ChatChunk[]> {
  for await (const chunk of (await stream) as unknown as AsyncIterable<ChatChunk>) chunks.push(chunk);
  return chunks;
}

/** A chat's first message, as the gateway is asked for it. */
async function accept(job: ScriptedJob): Promise<ScriptedConnection> {
  const connection = await gateway.accept();
  const listing = await connection.expect('list');
  expect(listing.params).toMatchObject({ metadata: { chat: chatId } });
  connection.reply(listing, { jobs: [] });
  const request = await connection.expect('execute');
  expect(request.params).toMatchObject({
    prompt: 'What is 6 * 7?',
    metadata: { chat: chatId },
    model: 'opus',
  });
  connection.reply(request, job.accepted);
  return connection;
}

const send = (abortSignal?: AbortSignal) =>
  createChatTransport(client, { params: { model: 'opus' } }).sendMessages({ chatId, messages, abortSignal });

it('streams text blocks and tools, and takes back what a reset voids', async () => {
  const chunks = chunksOf(send());
  const job = scriptJob();
  const connection = await accept(job);
  const tool = { toolUseId: 'tool-1', name: 'Bash' };
  const bodies = [
    queued,
    { type: 'output', text: 'Let me ', begin: true },
    output('see.'),
    { type: 'tool_started', ...tool, input: { command: 'bc' } },
    { type: 'tool_ended', ...tool, isError: false, text: '41', durationMs: 1 },
    { type: 'output', text: 'void', begin: true },
    { type: 'reset', discardFromSeq: 5, reason: 'worker_lost' },
    { type: 'tool_ended', ...tool, isError: true, text: 'broken', durationMs: 1 },
    { type: 'output', text: '42', begin: true },
    completed,
  ] as const;
  for (const [i, body] of bodies.entries()) connection.notify('event', job.event(i + 1, body));
  const call = { toolCallId: 'tool-1', providerExecuted: true, dynamic: true };
  const kept = [
    { type: 'text-start', id: 'text-2' },
    { type: 'text-delta', id: 'text-2', delta: 'Let me ' },
    { type: 'text-delta', id: 'text-2', delta: 'see.' },
    { type: 'text-end', id: 'text-2' },
    { type: 'tool-input-available', toolName: 'Bash', input: { command: 'bc' }, ...call },
  ];
  expect(await chunks).toEqual([
    { type: 'start', messageId: job.jobId, messageMetadata: { jobId: job.jobId } },
    { type: 'start-step' },
    ...kept,
    { type: 'tool-output-available', output: '41', ...call },
    { type: 'text-start', id: 'text-6' },
    { type: 'text-delta', id: 'text-6', delta: 'void' },
    { type: 'reset-step' },
    ...kept,
    { type: 'tool-output-error', errorText: 'broken', ...call },
    { type: 'text-start', id: 'text-9' },
    { type: 'text-delta', id: 'text-9', delta: '42' },
    { type: 'text-end', id: 'text-9' },
    { type: 'finish-step' },
    { type: 'finish', messageMetadata: { jobId: job.jobId, end: job.event(10, completed) } },
  ]);
});

it('cancels the job when the chat is stopped, also before it is accepted', async () => {
  const stop = new AbortController();
  const sending = send(stop.signal);
  sending.catch(() => {});
  stop.abort();
  await expect(sending).rejects.toBe(stop.signal.reason);
  const job = scriptJob();
  const connection = await accept(job);
  connection.reply(await connection.expect('detach'), {});
  expect((await connection.expect('cancel')).params.jobId).toBe(job.jobId);
});

it('resumes with the last job of the chat, and cancels it on a stop, but not for the resume that follows', async () => {
  const transport = createChatTransport(client);
  const superseded = new AbortController();
  const current = new AbortController();
  const first = transport.reconnectToStream({ chatId, abortSignal: superseded.signal });
  const connection = await gateway.accept();
  const job = scriptJob();
  connection.reply(await connection.expect('list'), { jobs: [{ jobId: job.jobId }] });
  connection.reply(await connection.expect('attach'), { ...job.accepted, lastSeq: 1 });
  await (await first)?.cancel();
  connection.reply(await connection.expect('detach'), {});
  superseded.abort();
  const seen: ChatChunk[] = [];
  const chunks = chunksOf(transport.reconnectToStream({ chatId, abortSignal: current.signal }), seen);
  connection.reply(await connection.expect('list'), { jobs: [{ jobId: job.jobId }] });
  connection.reply(await connection.expect('attach'), { ...job.accepted, lastSeq: 1 });
  connection.notify('event', job.event(1, queued));
  await expect.poll(() => seen.length).toBe(2);
  current.abort();
  expect((await connection.expect('cancel')).params.jobId).toBe(job.jobId);
  connection.notify('event', job.event(2, { type: 'cancelled', by: 'client', partial: false }));
  expect((await chunks).map(({ type }) => type)).toEqual([
    'start',
    'start-step',
    'finish-step',
    'abort',
    'finish',
  ]);
  expect(connection.unexpected()).toEqual([]);
});

it('cancels the job also when the chat is stopped before it is found', async () => {
  const stop = new AbortController();
  const resuming = createChatTransport(client).reconnectToStream({ chatId, abortSignal: stop.signal });
  const connection = await gateway.accept();
  const listing = await connection.expect('list');
  stop.abort();
  await expect(resuming).rejects.toBe(stop.signal.reason);
  const job = scriptJob();
  connection.reply(listing, { jobs: [{ jobId: job.jobId }] });
  connection.reply(await connection.expect('attach'), { ...job.accepted, lastSeq: 1 });
  connection.reply(await connection.expect('detach'), {});
  expect((await connection.expect('cancel')).params.jobId).toBe(job.jobId);
});

it('has nothing to resume in a chat without jobs', async () => {
  const resumed = createChatTransport(client).reconnectToStream({ chatId });
  const connection = await gateway.accept();
  connection.reply(await connection.expect('list'), { jobs: [] });
  expect(await resumed).toBeNull();
});
