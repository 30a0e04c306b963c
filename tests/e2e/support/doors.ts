/**
 * The gateway's two doors behind one interface, so that a test can go through both: the native protocol, and the
 * prototype's dialect in the prototype's manner (no `id`, one task at a time, the joined `content`s are the text).
 */
import {
  emptyFold,
  foldEvents,
  foldedText,
  isTerminalEvent,
  type TerminalEvent,
} from '@cc-executor/protocol';
import { connectWire, type Message, type Stack, type WireClient } from '@cc-executor/testing';

type Ending = {
  status: 'COMPLETED' | 'FAILED' | 'CANCELLED';
  /** `failed`'s code, or `timed_out`. */
  code?: string | undefined;
  text: string;
};

export type Task = {
  ended: Promise<Ending>;
  /** Resolves when the text so far holds this. */
  untilText(part: string): Promise<void>;
  /** Resolves when so many signs of life (heartbeats, repeated RUNNING) have come since the start of the task. */
  untilAlive(count: number): Promise<void>;
  cancel(): Promise<void>;
  pause(): Promise<void>;
  resume(): Promise<void>;
  /** Known once the job runs. */
  jobId(): Promise<string>;
};

export type Visitor = {
  wire: WireClient;
  /** Starts a task. */
  execute(prompt: string): Promise<Task>;
  close(): Promise<void>;
};

export type Door = { name: string; connect(stack: Stack, gateway?: number): Promise<Visitor> };

export const nativeDoor: Door = {
  name: 'the native door',
  async connect(stack, gateway = 0) {
    const wire = await connectWire(stack.url(gateway));
    await wire.until(({ method }) => method === 'connected');
    return {
      wire,
      close: wire.close,
      async execute(prompt) {
        const answer = await wire.request('execute', { prompt });
        if (answer.error) throw new Error(`execute was refused: ${answer.error.message}`);
        return nativeTask(wire, answer.result.jobId);
      },
    };
  },
};

export const dialectDoor: Door = {
  name: "the prototype's dialect",
  async connect(stack, gateway = 0) {
    const wire = await connectWire(stack.dialectUrl(gateway), { subprotocol: null });
    await wire.until(({ method }) => method === 'connected');
    return { wire, close: wire.close, execute: async (prompt) => dialectTask(wire, prompt) };
  },
};

export const doors: readonly Door[] = [nativeDoor, dialectDoor];

/** One task through both: asked for in the dialect, and followed natively too. What they tell must be the same. */
export const bothDoors: Door = {
  name: 'both doors at once',
  async connect(stack, gateway = 0) {
    const asker = await dialectDoor.connect(stack, gateway);
    const follower = await nativeDoor.connect(stack, gateway);
    async function follow(task: Task): Promise<Task> {
      const jobId = await task.jobId();
      const { error } = await follower.wire.request('attach', { jobId });
      if (error) throw new Error(`attach was refused: ${error.message}`);
      return nativeTask(follower.wire, jobId);
    }
    return {
      wire: asker.wire,
      async close() {
        await Promise.all([asker.close(), follower.close()]);
      },
      async execute(prompt) {
        const task = await asker.execute(prompt);
        const followed = quietly(follow(task));
        async function compare(): Promise<Ending> {
          const [told, seen] = await Promise.all([task.ended, followed.then(({ ended }) => ended)]);
          // Megabytes: a difference is not shown.
          const isSame = told.text === seen.text && told.status === seen.status && told.code === seen.code;
          if (!isSame) throw new Error('the two doors told different things');
          return told;
        }
        return { ...task, ended: quietly(compare()) };
      },
    };
  },
};

function nativeTask(wire: WireClient, jobId: string): Task {
  const first = wire.messages.length;
  async function control(method: 'cancel' | 'pause' | 'resume'): Promise<void> {
    const { result } = await wire.request(method, { jobId });
    if (result?.accepted !== true) throw new Error(`the ${method} came too late: ${JSON.stringify(result)}`);
  }
  async function follow(): Promise<Ending> {
    const events = await wire.untilTerminal(jobId);
    const end = events.find(isTerminalEvent);
    if (!end || end !== events.at(-1)) throw new Error('the terminal event is not the last one');
    const text = foldedText(foldEvents(emptyFold, events));
    return { ...endingOf(end), text };
  }
  return {
    ended: quietly(follow()),
    untilText: (part) =>
      untilText(wire, 0, part, ({ method, params }) =>
        method === 'event' && params.jobId === jobId && params.type === 'output' ? params.text : '',
      ),
    untilAlive: (count) => untilCount(wire, first, count, ({ method }) => method === 'heartbeat'),
    cancel: () => control('cancel'),
    pause: () => control('pause'),
    resume: () => control('resume'),
    jobId: async () => jobId,
  };
}

/** As a client of the dialect would be told of it. */
function endingOf(end: TerminalEvent): Omit<Ending, 'text'> {
  switch (end.type) {
    case 'completed':
      return { status: 'COMPLETED' };
    case 'failed':
      return { status: 'FAILED', code: end.error.code };
    case 'cancelled':
      return { status: 'CANCELLED' };
    case 'timed_out':
      return { status: 'FAILED', code: 'timed_out' };
    default:
      return end satisfies never;
  }
}

function dialectTask(wire: WireClient, command: string): Task {
  const first = wire.messages.length;
  const contentOf = ({ method, params }: Message): string => (method === 'output' ? params.content : '');
  const isNew = (message: Message) => wire.messages.indexOf(message) >= first;
  const statusOf = ({ method, params }: Message) => (method === 'statusUpdate' ? params.status : undefined);
  function control(type: 'CANCEL' | 'PAUSE' | 'RESUME'): void {
    wire.send(JSON.stringify({ jsonrpc: '2.0', method: 'control', params: { type } }));
  }
  async function follow(): Promise<Ending> {
    const end = await wire.until(
      (message) => ['COMPLETED', 'FAILED', 'CANCELLED'].includes(statusOf(message)) && isNew(message),
    );
    const [own, after] = [wire.messages.slice(first), wire.messages.slice(wire.messages.indexOf(end) + 1)];
    if (after.length > 0) throw new Error(`after the end of the task came ${JSON.stringify(after[0])}`);
    const { status, error } = end.params;
    return { status, code: error?.code, text: own.map(contentOf).join('') };
  }
  wire.send(JSON.stringify({ jsonrpc: '2.0', method: 'execute', params: { command } }));
  return {
    ended: quietly(follow()),
    untilText: (part) => untilText(wire, first, part, contentOf),
    untilAlive: (count) => untilCount(wire, first, count + 1, (message) => statusOf(message) === 'RUNNING'),
    cancel: async () => control('CANCEL'),
    pause: async () => control('PAUSE'),
    resume: async () => control('RESUME'),
    async jobId() {
      const message = await wire.until(
        (candidate) => candidate.params?.jobId !== undefined && isNew(candidate),
      );
      return message.params.jobId;
    },
  };
}

/** Looks at each message once: a client that is busy with searching does not answer pings. */
async function untilText(
  wire: WireClient,
  first: number,
  part: string,
  contentOf: (message: Message) => string,
): Promise<void> {
  let [next, tail] = [first, ''];
  await wire.until(() => {
    const fresh = wire.messages.slice(next).map(contentOf).join('');
    next = wire.messages.length;
    tail = tail.slice(-part.length) + fresh;
    return tail.includes(part);
  });
}

async function untilCount(
  wire: WireClient,
  first: number,
  count: number,
  fits: (message: Message) => boolean,
): Promise<void> {
  await wire.until(() => wire.messages.slice(first).filter(fits).length >= count);
}

/** A test that has failed already must not fail a second time because nobody is left to wait for this. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => undefined);
  return promise;
}
