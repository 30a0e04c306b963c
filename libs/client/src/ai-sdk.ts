/**
 * A `ChatTransport` for the AI SDK (`ai` 7): each message is a job. `stop()` cancels it, `resumeStream()` finds it again, from any page:
 * jobs carry their chat's id as the member `chat` of their metadata. Nothing of the AI SDK is imported; types are named as it has them.
 */
import { isTerminalEvent } from '@cc-executor/protocol/plain';
import { abortable } from './abort.ts';
import type { Client, ExecuteParams, JobEvent, JobHandle, TerminalEvent } from './index.ts';

export type ChatTransportOptions = {
  /** What each job is asked for besides its prompt and conversation. */
  params?: Omit<ExecuteParams, 'prompt' | 'conversation' | 'idempotencyKey'>;
};

/** What is read of a `UIMessage`. */
export type ChatMessage = { role: string; parts: readonly { type: string; text?: string }[] };

type Tool = { toolCallId: string; providerExecuted: true; dynamic: true };

/** Those of a `UIMessageChunk` that jobs make. */
export type ChatChunk =
  | { type: 'start'; messageId: string; messageMetadata: { jobId: string } }
  | { type: 'start-step' | 'reset-step' | 'finish-step' | 'abort' }
  | { type: 'text-start' | 'text-end'; id: string }
  | { type: 'text-delta'; id: string; delta: string }
  | ({ type: 'tool-input-available'; toolName: string; input: unknown } & Tool)
  | ({ type: 'tool-output-available'; output: unknown } & Tool)
  | ({ type: 'tool-output-error'; errorText: string } & Tool)
  | { type: 'error'; errorText: string }
  | { type: 'finish'; messageMetadata: { jobId: string; end: TerminalEvent } };

export type ChatTransport = {
  readonly resumeStreamIsReplay: true;
  sendMessages(options: {
    chatId: string;
    messages: readonly ChatMessage[];
    abortSignal: AbortSignal | undefined;
  }): Promise<ReadableStream<ChatChunk>>;
  reconnectToStream(options: {
    chatId: string;
    abortSignal?: AbortSignal;
  }): Promise<ReadableStream<ChatChunk> | null>;
};

/** How many jobs of a chat are looked at for one whose conversation can be gone on with. */
const MAX_LOOKS = 10;

/**
 * `useChat({ transport: createChatTransport(client), id, resume: true })`. What is asked is the text of the last message of the user; Claude's
 * own memory of the conversation stands for the earlier ones, also when an answer is regenerated. A resumed chat gets its
 * last answer from the beginning, also one that has ended, as a message whose id is the job's.
 */
export function createChatTransport(
  client: Client,
  { params = {} }: ChatTransportOptions = {},
): ChatTransport {
  /** Resumes of each chat so far. */
  const resumes = new Map<string, number>();

  const jobsOf = (chatId: string, limit: number) => client.list({ metadata: { chat: chatId }, limit });

  async function conversationOf(chatId: string): Promise<string | undefined> {
    for (const { jobId } of (await jobsOf(chatId, MAX_LOOKS)).jobs) {
      const job = await client.attach(jobId, { from: 'snapshot' });
      const { conversation } = await job.done();
      if (conversation !== undefined) return conversation;
    }
    return undefined;
  }

  async function execute(chatId: string, prompt: string): Promise<JobHandle> {
    const conversation = await conversationOf(chatId);
    const metadata = { ...params.metadata, chat: chatId };
    return client.execute({
      ...params,
      metadata,
      prompt,
      ...(conversation !== undefined && { conversation }),
    });
  }

  async function attachLast(chatId: string): Promise<JobHandle | undefined> {
    const [last] = (await jobsOf(chatId, 1)).jobs;
    return last && client.attach(last.jobId);
  }

  /** The job's stream. On `stop()`, whenever that comes, the job is cancelled. */
  async function open(
    chatId: string,
    job: Promise<JobHandle | undefined>,
    signal: AbortSignal | undefined,
  ): Promise<ReadableStream<ChatChunk> | null> {
    const stop = () => {
      const before = resumes.get(chatId);
      // A resume that takes the place of another one aborts that in the same turn, and stops no job.
      setTimeout(() => {
        if (resumes.get(chatId) === before) job.then((found) => found?.cancel()).catch(() => {});
      }, 0);
    };
    signal?.addEventListener('abort', stop, { once: true });
    if (signal?.aborted) stop();
    try {
      const found = await abortable(signal, job);
      return found ? streamOf(found) : null;
    } catch (error) {
      job.then((found) => found?.detach()).catch(() => {});
      throw error;
    }
  }

  return {
    resumeStreamIsReplay: true,
    async sendMessages({ chatId, messages, abortSignal }) {
      const asked = messages.findLast(({ role }) => role === 'user');
      const texts = asked?.parts.map(({ type, text }) => (type === 'text' ? text : ''));
      const stream = await open(chatId, execute(chatId, texts?.join('') ?? ''), abortSignal);
      return stream as ReadableStream<ChatChunk>;
    },
    reconnectToStream({ chatId, abortSignal }) {
      resumes.set(chatId, (resumes.get(chatId) ?? 0) + 1);
      return open(chatId, attachLast(chatId), abortSignal);
    },
  };
}

/** Read as fast as it is taken; whoever stops taking stops listening. */
function streamOf(job: JobHandle): ReadableStream<ChatChunk> {
  const chunks = chunksOf(job);
  return new ReadableStream<ChatChunk>({
    async pull(controller) {
      const { done, value } = await chunks.next();
      if (done) controller.close();
      else controller.enqueue(value);
    },
    async cancel() {
      job.detach();
      await chunks.return(undefined).catch(() => {});
    },
  });
}

async function* chunksOf(job: JobHandle): AsyncGenerator<ChatChunk, void, undefined> {
  const { jobId } = job;
  /** What would have to be told again after a reset. */
  let told: JobEvent[] = [];
  /** The text block that is open. */
  let block: string | undefined;
  function* tell(events: JobEvent[]): Generator<ChatChunk> {
    for (const event of events) {
      const translated = translate(event, block);
      block = translated.block;
      yield* translated.chunks;
    }
  }

  yield { type: 'start', messageId: jobId, messageMetadata: { jobId } };
  yield { type: 'start-step' };
  for await (const event of job.events()) {
    if (event.type === 'reset') {
      told = told.filter(({ seq }) => seq < event.discardFromSeq);
      block = undefined;
      yield { type: 'reset-step' };
      yield* tell(told);
    } else {
      told.push(event);
      yield* tell([event]);
    }
  }
  const end = await job.done();
  yield { type: 'finish-step' };
  if (end.type === 'cancelled') yield { type: 'abort' };
  if (end.type === 'failed') yield { type: 'error', errorText: end.error.message };
  if (end.type === 'timed_out') yield { type: 'error', errorText: `It took too long (${end.limit}).` };
  yield { type: 'finish', messageMetadata: { jobId, end } };
}

/** `block`: the text block that is open before, and after. */
function translate(
  event: JobEvent,
  block: string | undefined,
): { chunks: ChatChunk[]; block: string | undefined } {
  const closing: ChatChunk[] = block === undefined ? [] : [{ type: 'text-end', id: block }];
  if (event.type === 'output') {
    const { seq, text: delta, begin } = event;
    if (block !== undefined && !begin) return { chunks: [{ type: 'text-delta', id: block, delta }], block };
    const id = `text-${seq}`;
    return { chunks: [...closing, { type: 'text-start', id }, { type: 'text-delta', id, delta }], block: id };
  }
  if (event.type === 'tool_started') {
    const { name: toolName, input } = event;
    const chunk = { type: 'tool-input-available', toolName, input, ...toolOf(event) } as const;
    return { chunks: [...closing, chunk], block: undefined };
  }
  if (event.type === 'tool_ended') {
    const { isError, text = '' } = event;
    const chunk: ChatChunk = isError
      ? { type: 'tool-output-error', errorText: text, ...toolOf(event) }
      : { type: 'tool-output-available', output: text, ...toolOf(event) };
    return { chunks: [...closing, chunk], block: undefined };
  }
  if (isTerminalEvent(event)) return { chunks: closing, block: undefined };
  return { chunks: [], block };
}

function toolOf({ toolUseId }: { toolUseId: string }): Tool {
  return { toolCallId: toolUseId, providerExecuted: true, dynamic: true };
}
