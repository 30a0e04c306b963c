/**
 * A wire client that tells a history what it was answered and what it saw, event by event, in the bytes that came. It
 * records what is sent by `request`; it neither reconnects nor hides anything.
 */
import type { AttachmentRecorder, HistoryRecorder } from './history-recorder.ts';
import { connectWire, type Message, type WireClient } from './wire-client.ts';

/** How the gateway frames an event; the JSON between it and the last brace is the log's own. */
const EVENT_HEAD = '{"jsonrpc":"2.0","method":"event","params":';

type Asked = { method: string; params: Record<string, unknown> };

/**
 * Connects to the native door.
 * @param who names of client and gateway in the history
 */
export async function connectRecorded(
  url: string,
  recorder: HistoryRecorder,
  who: { client: string; gateway: string },
): Promise<WireClient> {
  const wire = await connectWire(url);
  const { gateway } = who;
  const asked = new Map<number, Asked>();
  const attachments = new Map<string, AttachmentRecorder>();
  let nextId = 1_000_000;

  function attached(jobId: string, afterSeq: number): void {
    attachments.set(jobId, recorder.attached({ jobId, ...who, afterSeq }));
  }

  function takeAnswer({ method, params }: Asked, result: Record<string, never>): void {
    const jobId = String(result.jobId ?? params.jobId);
    if (method === 'execute') {
      const { retry = 'safe', idempotencyKey } = params as { retry?: 'safe'; idempotencyKey?: string };
      const key = idempotencyKey === undefined ? {} : { idempotencyKey };
      recorder.acknowledged({
        jobId,
        epoch: result.epoch!,
        created: result.created!,
        gateway,
        retry,
        ...key,
      });
      // The same key once more on this connection: it is attached already, and stays so.
      if (params.attach !== false && !attachments.has(jobId)) attached(jobId, 0);
    } else if (method === 'attach') {
      attached(jobId, Number(params.afterSeq ?? 0));
    } else if (method === 'detach') {
      attachments.get(jobId)?.end('detached');
      attachments.delete(jobId);
    } else if (method === 'cancel') {
      recorder.cancelAnswered({ jobId, gateway, status: result.status!, accepted: result.accepted! });
    }
  }

  wire.socket.on('message', (data) => {
    const frame = data.toString();
    const message = JSON.parse(frame) as Message;
    const request = message.id === undefined ? undefined : asked.get(message.id);
    if (request && message.result) takeAnswer(request, message.result);
    if (message.method === 'job_lost')
      attachments.get(message.params.jobId)?.end('job_lost', message.params.reason);
    if (!frame.startsWith(EVENT_HEAD)) return;
    const attachment = attachments.get(message.params.jobId);
    attachment?.event(frame.slice(EVENT_HEAD.length, -1));
    // What comes after the end is recorded all the same: it should not be there.
    if (['completed', 'failed', 'cancelled', 'timed_out'].includes(message.params.type)) {
      attachment?.end('terminal');
    }
  });
  wire.socket.on('close', (code) => {
    for (const attachment of attachments.values()) attachment.end('disconnected', String(code));
  });

  return {
    ...wire,
    request(method, params) {
      const id = nextId;
      nextId += 1;
      asked.set(id, { method, params: (params ?? {}) as Record<string, unknown> });
      wire.send(JSON.stringify({ jsonrpc: '2.0', id, method, params }));
      return wire.until((message) => message.id === id && message.method === undefined);
    },
  };
}
