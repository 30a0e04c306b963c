/** A bare client that tells the recorder everything it is told, with events as the very text that came. */

import {
  type ExecuteParams,
  isTerminalEvent,
  type JobEvent,
  type JobStatus,
  type TerminalEvent,
} from '@cc-executor/protocol';
import type { HistoryRecorder } from '@cc-executor/testing';
import { type AttachmentRecorder, connectWire, type Message, type WireClient } from '@cc-executor/testing';

export type RecordingClient = {
  wire: WireClient;
  /** Executes and listens; throws when the answer is an error. */
  execute(params: ExecuteParams): Promise<string>;
  attach(jobId: string, afterSeq?: number): Promise<void>;
  cancel(jobId: string): Promise<{ status: JobStatus; accepted: boolean }>;
  /** Asks to pause a job, or to let it go on; throws when the answer is an error. */
  control(action: 'pause' | 'resume', jobId: string): Promise<{ status: JobStatus; accepted: boolean }>;
  /** Resolves with the terminal event of a job that this client listens to. */
  terminal(jobId: string): Promise<TerminalEvent>;
  close(): void;
};

/** What the scenes of the matrix want of a client, whichever door it comes by. */
export type ListeningClient = Pick<RecordingClient, 'execute' | 'attach' | 'terminal' | 'close'> & {
  wire: Pick<WireClient, 'events' | 'until'>;
};

const EVENT_HEAD = '{"jsonrpc":"2.0","method":"event","params":';
let count = 0;

export async function openRecordingClient(
  url: string,
  gateway: string,
  recorder: HistoryRecorder,
): Promise<RecordingClient> {
  const wire = await connectWire(url);
  const attachments = new Map<string, AttachmentRecorder>();
  const asked = new Map<number, (answer: Message) => void>();
  count += 1;
  const client = `client-${count}`;

  wire.socket.prependListener('message', (data: Buffer) => {
    const text = data.toString();
    if (text.startsWith(EVENT_HEAD)) {
      const json = text.slice(EVENT_HEAD.length, -1);
      const event = JSON.parse(json) as JobEvent;
      const attachment = attachments.get(event.jobId);
      attachment?.event(json);
      if (isTerminalEvent(event)) attachment?.end('terminal');
      return;
    }
    const message = JSON.parse(text) as Message;
    if (message.method === 'job_lost') {
      const { jobId, reason } = message.params as { jobId: string; reason: string };
      attachments.get(jobId)?.end('job_lost', reason);
    } else if (message.method === undefined && message.id !== undefined) {
      asked.get(message.id)?.(message);
      asked.delete(message.id);
    }
  });
  void wire.closed.then(() => {
    for (const attachment of attachments.values()) attachment.end('disconnected');
  });

  function listen(jobId: string, afterSeq: number): void {
    attachments.set(jobId, recorder.attached({ jobId, client, gateway, afterSeq }));
  }

  /** Before the answer, no event can come; so it is looked at in the order of arrival. */
  async function request(
    method: string,
    params: unknown,
    onResult: (result: Message['result']) => void,
  ): Promise<Message> {
    const answered = wire.request(method, params);
    asked.set(wire.lastId(), ({ result }) => {
      if (result) onResult(result);
    });
    const message = await answered;
    if (message.error) throw Object.assign(new Error(message.error.message), message.error.data);
    return message;
  }

  return {
    wire,
    async execute(params) {
      const { result } = await request('execute', params, (accepted) => {
        const { retry = 'safe', idempotencyKey } = params;
        recorder.acknowledged({
          ...{ jobId: accepted.jobId, epoch: accepted.epoch, created: accepted.created, gateway, retry },
          ...(idempotencyKey === undefined ? {} : { idempotencyKey }),
        });
        if (params.attach !== false) listen(accepted.jobId, 0);
      });
      return result.jobId;
    },
    async attach(jobId, afterSeq = 0) {
      await request('attach', { jobId, afterSeq }, () => listen(jobId, afterSeq));
    },
    async cancel(jobId) {
      const { result } = await request('cancel', { jobId }, (answer) => {
        recorder.cancelAnswered({ jobId, gateway, ...answer });
      });
      return result;
    },
    async control(action, jobId) {
      const { result } = await request(action, { jobId }, () => undefined);
      return result;
    },
    async terminal(jobId) {
      return (await wire.untilTerminal(jobId)).at(-1) as TerminalEvent;
    },
    close: () => wire.socket.terminate(),
  };
}
