/**
 * A bare WebSocket client that keeps everything it receives, for tests of the wire: no reconnecting, no folding.
 * Waiting is on messages, never on time; the test's own time limit bounds it.
 */
import { isTerminalEvent, type JobEvent } from '@cc-executor/protocol';
import { WebSocket } from 'ws';

// biome-ignore lint/suspicious/noExplicitAny: tests look at whatever a message holds
export type Message = { id?: number; method?: string; params?: any; result?: any; error?: any };

export type WireClient = {
  socket: WebSocket;
  messages: Message[];
  /** Sends a request and resolves with its answer, be it a result or an error. */
  request(method: string, params?: unknown): Promise<Message>;
  /** The id of the last request. */
  lastId(): number;
  /** Sends a text as it is. */
  send(text: string): void;
  /** Resolves with the first message, past or to come, that fits; rejects when the socket closes first. */
  until(fits: (message: Message) => boolean): Promise<Message>;
  /** The events of a job received so far. */
  events(jobId: string): JobEvent[];
  /** Resolves with all events of a job once its terminal event is here. */
  untilTerminal(jobId: string): Promise<JobEvent[]>;
  closed: Promise<{ code: number; reason: string }>;
  /** Idempotent. */
  close(): Promise<void>;
};

/**
 * Connects; with `subprotocol: null` as the prototype's clients do.
 * @param options.maxPayload the largest message that is taken, in bytes: a larger one closes the connection with 1009
 */
export async function connectWire(
  url: string,
  options: { subprotocol?: string | null; maxPayload?: number; headers?: Record<string, string> } = {},
): Promise<WireClient> {
  const { subprotocol = 'cc-executor.v1', ...limits } = options;
  const socket = new WebSocket(url, subprotocol ?? [], limits);
  const messages: Message[] = [];
  // Looked at with every message: a search through all of them would not carry hundreds of jobs.
  const answers = new Map<number, Message>();
  const eventsByJob = new Map<string, JobEvent[]>();
  const ended = new Set<string>();
  const waiting = new Set<() => void>();
  let nextId = 1;
  let isClosed = false;

  const closed = new Promise<{ code: number; reason: string }>((resolve) => {
    socket.on('close', (code, reason) => {
      isClosed = true;
      resolve({ code, reason: reason.toString() });
      for (const look of waiting) look();
    });
  });
  socket.on('message', (data) => {
    take(JSON.parse(data.toString()) as Message);
    for (const look of waiting) look();
  });

  function take(message: Message): void {
    messages.push(message);
    if (message.method === undefined && message.id !== undefined) answers.set(message.id, message);
    if (message.method !== 'event') return;
    const event = message.params as JobEvent;
    const known = eventsByJob.get(event.jobId) ?? [];
    eventsByJob.set(event.jobId, known);
    known.push(event);
    if (isTerminalEvent(event)) ended.add(event.jobId);
  }

  function untilFound<T>(find: () => T | undefined, what: string): Promise<T> {
    return new Promise((resolve, reject) => {
      const look = () => {
        const found = find();
        if (found === undefined && !isClosed) return;
        waiting.delete(look);
        if (found !== undefined) resolve(found);
        else reject(new Error(`the socket closed while waiting for ${what}`));
      };
      waiting.add(look);
      look();
    });
  }

  function events(jobId: string): JobEvent[] {
    return [...(eventsByJob.get(jobId) ?? [])];
  }

  const client: WireClient = {
    socket,
    messages,
    request(method, params) {
      const id = nextId;
      nextId += 1;
      socket.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return untilFound(() => answers.get(id), `the answer to ${method}`);
    },
    lastId: () => nextId - 1,
    send: (text) => socket.send(text),
    until: (fits) => untilFound(() => messages.find(fits), 'a message'),
    events,
    untilTerminal: (jobId) =>
      untilFound(() => (ended.has(jobId) ? events(jobId) : undefined), `the terminal event of ${jobId}`),
    closed,
    async close() {
      socket.close();
      await closed;
    },
  };
  await new Promise<void>((resolve, reject) => {
    socket.once('open', resolve);
    socket.once('error', reject);
  });
  socket.on('error', () => {
    // 'close' follows and says it.
  });
  return client;
}
