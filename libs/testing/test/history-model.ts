/**
 * A small model of the product: from a plan it makes the history of a run in which every promise was kept. Its clock
 * only moves forward.
 */
import { createHash } from 'node:crypto';
import type { EventBody, RetryPolicy, TerminalBody } from '@cc-executor/protocol';
import type { Attached, History, UpstreamCallRecord, UpstreamEnding } from '../src/index.ts';

type Ending =
  | 'completed'
  | 'failed'
  | 'cancelled'
  | 'timed_out'
  | 'worker_lost'
  | 'queue_timeout'
  | 'cancelled_queued';

type ClientPlan = {
  /** Seqs behind which its connection is cut; it resumes from there elsewhere. */
  cutAfter: number[];
  /** Attaches when the job has ended. */
  late: boolean;
  detaches: boolean;
};

export type JobPlan = {
  retry: RetryPolicy;
  ending: Ending;
  pieces: string[];
  /** Calls that upstream refuses before it takes one; none where retry is `never`. */
  refusals: number;
  /** Attempts whose worker is lost after some output; only where retry is `always`. */
  lostAttempts: number;
  /** Claude takes its first try back. */
  takesBack: boolean;
  clients: ClientPlan[];
  key: boolean;
  /** How often `execute` is sent again with its key. */
  repeats: number;
};

export const BOUNDS = { terminalMs: 1_000, upstreamMs: 500 };
const START = 1_790_000_000_000;

/** The history of jobs that ran one after another. */
export function makeHistory(plans: JobPlan[]): History {
  const history: History = {
    ...{ acknowledged: [], attachments: [], cancels: [], calls: [], stored: [], faults: [] },
    ...{ leftovers: { sockets: [], dueJobs: [] }, takenAt: 0 },
  };
  let now = START;
  const tick = (ms = 10) => {
    now += ms;
    return now;
  };
  for (const [index, plan] of plans.entries()) addJob(history, plan, index, tick);
  history.takenAt = tick(5_000);
  return history;
}

function addJob(history: History, plan: JobPlan, index: number, tick: (ms?: number) => number): void {
  const jobId = `job_${String(index).padStart(32, '0')}`;
  const epoch = `epoch-${index}`;
  const log: string[] = [];
  const times: number[] = [];
  let fence = 0;
  const createdAt = tick();

  function append(body: EventBody): number {
    const seq = log.length + 1;
    times.push(tick());
    log.push(JSON.stringify({ jobId, epoch, seq, attempt: fence, time: times.at(-1), ...body }));
    return seq;
  }

  function call(endedBy: UpstreamEnding, more: Partial<UpstreamCallRecord> = {}): UpstreamCallRecord {
    const record = { jobId, attempt: fence, startedAt: tick(), endedAt: 0, endedBy, ...more };
    history.calls.push(record);
    return record;
  }

  const answer = { jobId, epoch, gateway: 'g1', retry: plan.retry, tenant: 'default' };
  const idempotencyKey = plan.key ? { idempotencyKey: `key-${index}` } : {};
  history.acknowledged.push({ ...answer, ...idempotencyKey, created: true, at: tick() });
  if (plan.key) {
    for (let i = 0; i < plan.repeats; i += 1) {
      history.acknowledged.push({ ...answer, ...idempotencyKey, created: false, at: tick(), gateway: 'g2' });
    }
  }
  append({ type: 'queued' });

  function loseWorker(name: string): void {
    const startedAt = tick();
    history.faults.push({ name, startedAt, endedAt: startedAt });
  }

  function runJob(): TerminalBody {
    fence = 1;
    if (plan.ending === 'queue_timeout') return { type: 'timed_out', limit: 'queue', partial: false };
    if (plan.ending === 'cancelled_queued') return { type: 'cancelled', by: 'client', partial: false };
    const lost = plan.retry === 'always' ? plan.lostAttempts : 0;
    for (let i = 0; i < lost; i += 1) {
      const started = call('client-abort', { text: 'thrown away' });
      if (i > 0) append({ type: 'reset', discardFromSeq: 2, reason: 'the earlier attempt was lost' });
      append({ type: 'started', engine: 'claude' });
      started.firstByteAt = tick();
      append({ type: 'output', text: 'thrown', begin: true });
      loseWorker('worker killed');
      started.endedAt = tick();
      fence += 2;
    }
    if (lost > 0) append({ type: 'reset', discardFromSeq: 2, reason: 'the earlier attempt was lost' });
    for (let i = 0; i < (plan.retry === 'never' ? 0 : plan.refusals); i += 1) {
      call('refused').endedAt = tick();
      append({ type: 'throttled', untilMs: tick(), reason: 'upstream_busy' });
    }
    return runCall();
  }

  function runCall(): TerminalBody {
    const started = call('complete');
    append({ type: 'started', engine: 'claude' });
    started.firstByteAt = tick();
    if (plan.takesBack) {
      const discardFromSeq = append({ type: 'output', text: 'no, ', begin: true });
      append({ type: 'reset', discardFromSeq, reason: 'the message starts anew' });
    }
    for (const [i, text] of plan.pieces.entries()) {
      append({ type: 'output', text, ...(i === 0 ? { begin: true } : {}) });
    }
    append({ type: 'message', message: { type: 'tool_use', name: 'Bash' } });
    return endCall(started);
  }

  function endCall(started: UpstreamCallRecord): TerminalBody {
    const text = plan.pieces.join('');
    const sha256 = createHash('sha256').update(text).digest('hex');
    if (plan.ending === 'completed') {
      Object.assign(started, { endedAt: tick(), text, sha256 });
      const digest = { bytes: Buffer.byteLength(text), sha256 };
      return { type: 'completed', text, evidence: 'complete-line', digest };
    }
    if (!plan.takesBack) started.text = `${text} and what never arrived`;
    started.endedBy = plan.ending === 'failed' ? 'failed' : 'client-abort';
    if (plan.ending === 'cancelled') {
      history.cancels.push({ jobId, at: tick(), gateway: 'g1', status: 'running', accepted: true });
    }
    if (plan.ending === 'worker_lost') {
      loseWorker('worker killed');
      fence += 1;
    }
    started.endedAt = tick();
    switch (plan.ending) {
      case 'cancelled':
        return { type: 'cancelled', by: 'client', partial: true };
      case 'timed_out':
        return { type: 'timed_out', limit: 'total', partial: true };
      default: {
        const code = plan.ending === 'failed' ? 'claude_error' : 'worker_lost';
        return { type: 'failed', error: { code, message: 'so it was', retrySafe: false }, partial: true };
      }
    }
  }

  const terminal = runJob();
  append(terminal);
  if (plan.ending === 'cancelled_queued') {
    history.cancels.push({ jobId, at: tick(), gateway: 'g1', status: 'cancelled', accepted: true });
  }
  history.cancels.push({ jobId, at: tick(), gateway: 'g2', status: terminal.type, accepted: false });
  for (const [i, client] of plan.clients.entries()) {
    history.attachments.push(...listen(client, `client-${index}-${i}`, { jobId, log, times, createdAt }));
  }
  const record = { epoch, status: terminal.type, fence: String(fence), seq: String(log.length) };
  history.stored.push({ jobId, record: { ...record, retry: plan.retry }, log });
}

/** The attachments of one client, from its first to the one that saw the end (or that it detached). */
function listen(
  plan: ClientPlan,
  client: string,
  job: { jobId: string; log: string[]; times: number[]; createdAt: number },
): Attached[] {
  const { jobId, log, times, createdAt } = job;
  const attachments: Attached[] = [];
  const endedAt = times.at(-1) ?? 0;
  const cuts = plan.late ? [] : [...new Set(plan.cutAfter)].toSorted((a, b) => a - b);
  let afterSeq = 0;
  let openedAt = plan.late ? endedAt + 50 : createdAt + 1;
  for (const [i, cut] of [...cuts.filter((seq) => seq < log.length), log.length].entries()) {
    const events = log.slice(afterSeq, cut);
    const arrivedAt = times.slice(afterSeq, cut).map((time) => Math.max(time, openedAt) + 2);
    const at = (arrivedAt.at(-1) ?? openedAt) + 1;
    const isLast = cut === log.length;
    const how = isLast ? 'terminal' : plan.detaches ? 'detached' : 'disconnected';
    const from = { jobId, client, gateway: i % 2 === 0 ? 'g1' : 'g2', afterSeq, openedAt, tenant: 'default' };
    attachments.push({ ...from, events, arrivedAt, end: { at, how } });
    if (how === 'detached') break;
    afterSeq = cut;
    openedAt = at + 1;
  }
  return attachments;
}

/** A plan in which everything that may happen to one job does; change what a test is about. */
export function planJob(changes: Partial<JobPlan> = {}): JobPlan {
  return {
    ...{ retry: 'safe', ending: 'completed', pieces: ['Hel', 'lo ', 'wörld.'], refusals: 0, lostAttempts: 0 },
    ...{ takesBack: false, key: true, repeats: 1 },
    clients: [
      { cutAfter: [3], late: false, detaches: false },
      { cutAfter: [], late: true, detaches: false },
    ],
    ...changes,
  };
}
