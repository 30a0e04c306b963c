/**
 * Ways to break a correct history in one place, each with the invariant that must catch it. `apply` changes the history
 * it is given, and says false when there is nothing in it to break that way; `pick` chooses among several.
 */
import { isTerminalEvent, type JobEvent } from '@cc-executor/protocol';
import type { Attached, History, Invariant, StoredJob, UpstreamCallRecord } from '../src/index.ts';
import { BOUNDS } from './history-model.ts';

export type Mutation = {
  name: string;
  caughtAs: Invariant;
  apply: (history: History, pick: number) => boolean;
};

const parse = (json: string) => JSON.parse(json) as JobEvent;
const among = <T>(list: T[], pick: number): T | undefined => list[pick % Math.max(list.length, 1)];
const isTerminalJson = (json: string | undefined) => json !== undefined && isTerminalEvent(parse(json));

/** Breaks an attachment with two events at least; `at` is never its last event. */
function attachment(
  name: string,
  caughtAs: Invariant,
  change: (attached: Attached, at: number) => void,
  fits: (attached: Attached) => boolean = ({ events }) => events.length >= 2,
): Mutation {
  return {
    name,
    caughtAs,
    apply(history, pick) {
      const attached = among(history.attachments.filter(fits), pick);
      if (attached) change(attached, pick % Math.max(attached.events.length - 1, 1));
      return attached !== undefined;
    },
  };
}

const sawTheEnd = ({ events }: Attached) => isTerminalJson(events.at(-1));

function log(name: string, caughtAs: Invariant, change: (job: StoredJob, pick: number) => void): Mutation {
  return {
    name,
    caughtAs,
    apply(history, pick) {
      const job = among(history.stored, pick);
      if (job) change(job, pick);
      return job !== undefined;
    },
  };
}

/** Changes an event everywhere: as if it had been written like that, and all had seen it. */
function event(
  name: string,
  caughtAs: Invariant,
  fits: (event: JobEvent, index: number, log: JobEvent[], history: History) => boolean,
  change: (event: JobEvent) => object,
): Mutation {
  return {
    name,
    caughtAs,
    apply(history, pick) {
      const candidates = history.stored.flatMap((job) => {
        const events = job.log.map(parse);
        return job.log.filter((_, i) => fits(events[i]!, i, events, history));
      });
      const old = among(candidates, pick);
      if (old === undefined) return false;
      const changed = JSON.stringify(change(parse(old)));
      for (const list of [
        ...history.stored.map((job) => job.log),
        ...history.attachments.map(({ events }) => events),
      ]) {
        const at = list.indexOf(old);
        if (at >= 0) list[at] = changed;
      }
      return true;
    },
  };
}

const isCompleted = ({ type }: JobEvent) => type === 'completed';
const digestOf = (completed: JobEvent) => ('digest' in completed ? completed.digest : {});
const terminalOf = (history: History, jobId: string) =>
  parse(history.stored.find((job) => job.jobId === jobId)!.log.at(-1)!);

function call(
  name: string,
  caughtAs: Invariant,
  fits: (call: UpstreamCallRecord, history: History) => boolean,
  change: (call: UpstreamCallRecord, history: History) => void,
): Mutation {
  return {
    name,
    caughtAs,
    apply(history, pick) {
      const found = among(
        history.calls.filter((one) => fits(one, history)),
        pick,
      );
      if (found) change(found, history);
      return found !== undefined;
    },
  };
}

const isEvidence = ({ endedBy }: UpstreamCallRecord) => endedBy === 'complete';

function facts(
  name: string,
  caughtAs: Invariant,
  change: (history: History, pick: number) => boolean,
): Mutation {
  return { name, caughtAs, apply: change };
}

export const mutations: Mutation[] = [
  attachment('an attachment misses an event', 'I3', ({ events, arrivedAt }, at) => {
    events.splice(at, 1);
    arrivedAt.splice(at, 1);
  }),
  attachment('an attachment sees an event twice', 'I3', ({ events, arrivedAt }, at) => {
    events.splice(at, 0, events[at]!);
    arrivedAt.splice(at, 0, arrivedAt[at]!);
  }),
  attachment('an attachment sees two events the wrong way round', 'I3', ({ events }, at) => {
    events.splice(at, 2, events[at + 1]!, events[at]!);
  }),
  attachment('an attachment sees other bytes for the same event', 'I3', ({ events }, at) => {
    events[at] = events[at]!.replace('"seq":', '"seq": ');
  }),
  attachment('an attachment sees the log change under it', 'I3', ({ events }, at) => {
    events[at + 1] = events[at + 1]!.replace('"epoch":"', '"epoch":"another-');
  }),
  attachment('an attachment is sent what is no event', 'I3', ({ events }, at) => {
    events[at] = '{"type":"surprise"}';
  }),
  attachment(
    'an attachment sees the terminal event twice',
    'I2',
    ({ events, arrivedAt }) => {
      events.push(events.at(-1)!);
      arrivedAt.push(arrivedAt.at(-1)!);
    },
    sawTheEnd,
  ),
  attachment(
    'an attachment that lived never sees the end',
    'I2',
    ({ events, arrivedAt }) => {
      events.pop();
      arrivedAt.pop();
    },
    sawTheEnd,
  ),
  attachment(
    'an attachment sees the end too late',
    'I2',
    ({ arrivedAt }) => {
      arrivedAt[arrivedAt.length - 1]! += BOUNDS.terminalMs + 10_000;
    },
    sawTheEnd,
  ),
  log('the log has a second terminal event', 'I1', ({ log: events, record }) => {
    const last = parse(events.at(-1)!);
    events.push(JSON.stringify({ ...last, seq: last.seq + 1 }));
    record!.seq = String(events.length);
  }),
  log('the log has no terminal event', 'I1', (job) => {
    job.log.pop();
    job.record!.seq = String(job.log.length);
    job.record!.status = 'running';
  }),
  log('the log goes on after the terminal event', 'I1', ({ log: events, record }) => {
    const { jobId, epoch, seq, attempt, time } = parse(events.at(-1)!);
    events.push(JSON.stringify({ jobId, epoch, seq: seq + 1, attempt, time, type: 'output', text: 'late' }));
    record!.seq = String(events.length);
  }),
  log('the record says another ending than the log', 'I1', ({ record }) => {
    record!.status = record!.status === 'failed' ? 'completed' : 'failed';
  }),
  log('the record says another length than the log', 'I1', ({ record }) => {
    record!.seq = String(Number(record!.seq) + 1);
  }),
  log('the log has a hole', 'I3', ({ log: events }, pick) => {
    events.splice(pick % (events.length - 1), 1);
  }),
  log('the fence rose after the event that ended the job', 'I4', ({ record }) => {
    record!.fence = String(Number(record!.fence) + 1);
  }),
  event(
    'an event of an older attempt stands behind one of a newer',
    'I4',
    ({ attempt }, i, events) => attempt > 0 && events[i - 1]!.attempt === attempt,
    (old) => ({ ...old, attempt: old.attempt - 1 }),
  ),
  event(
    'an event was taken after its attempt had been fenced off',
    'I4',
    ({ jobId, attempt }, _, __, { calls }) =>
      calls.some((one) => one.jobId === jobId && one.attempt > attempt),
    (old) => ({ ...old, time: old.time + 10_000 }),
  ),
  event(
    'a piece of a completed text was changed',
    'I5',
    ({ type }, i, events) =>
      type === 'output' &&
      events.at(-1)!.type === 'completed' &&
      !events.slice(i).some((later) => later.type === 'reset'),
    (old) => ({ ...old, text: 'something else' }),
  ),
  event('the digest is of another text', 'I5', isCompleted, (old) => ({
    ...old,
    digest: { ...digestOf(old), sha256: 'f'.repeat(64) },
  })),
  event('the digest counts other bytes', 'I5', isCompleted, (old) => ({
    ...old,
    digest: { ...digestOf(old), bytes: 0 },
  })),
  event('the answer in `completed` is not in the text', 'I5', isCompleted, (old) => ({
    ...old,
    text: 'made up',
  })),
  call('a completed call was cut', 'I5', isEvidence, (one) => {
    one.endedBy = 'cut';
  }),
  call('a completed call gave no evidence', 'I5', isEvidence, (one) => {
    one.endedBy = 'no-evidence';
  }),
  call('upstream sent more than arrived', 'I5', isEvidence, (one) => {
    one.text += '!';
  }),
  call("upstream's own digest is of another text", 'I5', isEvidence, (one) => {
    one.sha256 = 'f'.repeat(64);
  }),
  call('upstream was never called for a completed job', 'I5', isEvidence, (one, history) => {
    history.calls = history.calls.filter(({ jobId }) => jobId !== one.jobId);
  }),
  call(
    'upstream never sent the text of a job that did not complete',
    'I5',
    (one, history) =>
      one.text !== undefined &&
      one.firstByteAt !== undefined &&
      terminalOf(history, one.jobId).type !== 'completed',
    (one, history) => {
      for (const other of history.calls.filter(({ jobId }) => jobId === one.jobId)) other.text = '~';
    },
  ),
  call(
    'upstream is called again after output',
    'I6',
    ({ jobId, firstByteAt }, { acknowledged }) =>
      firstByteAt !== undefined && acknowledged.find((one) => one.jobId === jobId)?.retry !== 'always',
    (one, history) => {
      history.calls.push({ ...one, startedAt: one.startedAt + 1 });
    },
  ),
  log('an acknowledged job has no record', 'I7', (job) => {
    delete job.record;
    job.log = [];
  }),
  facts('one key gives two jobs', 'I7', ({ acknowledged }) => {
    const keyed = acknowledged.find(({ idempotencyKey }) => idempotencyKey !== undefined);
    if (keyed) acknowledged.push({ ...keyed, jobId: `job_${'e'.repeat(32)}`, created: false });
    return keyed !== undefined;
  }),
  facts('one job is created twice', 'I7', ({ acknowledged }) => {
    const again = acknowledged.find(({ created }) => !created);
    if (again) again.created = true;
    return again !== undefined;
  }),
  facts('an execute without a key is given the job of another', 'I7', ({ acknowledged }) => {
    const [first] = acknowledged;
    if (!first) return false;
    const { idempotencyKey: _, ...unkeyed } = first;
    acknowledged.push({ ...unkeyed, created: false });
    return true;
  }),
  facts('an execute is answered with another log', 'I7', ({ acknowledged }, pick) => {
    const answer = among(acknowledged, pick);
    if (answer) answer.epoch = 'another';
    return answer !== undefined;
  }),
  facts('a client is told of a loss that was none', 'I7', ({ attachments }, pick) => {
    const attached = among(attachments, pick);
    if (attached?.end) attached.end.how = 'job_lost';
    return attached !== undefined;
  }),
  call(
    'upstream runs on after the end',
    'I8',
    () => true,
    (one, history) => {
      one.endedAt = terminalOf(history, one.jobId).time + BOUNDS.upstreamMs + 1_000_000;
    },
  ),
  call(
    'upstream is never stopped',
    'I8',
    () => true,
    (one) => {
      delete one.endedAt;
      delete one.endedBy;
    },
  ),
  facts('a cancel is accepted and does not happen', 'I8', (history, pick) => {
    const fits = history.cancels.filter(({ jobId, accepted }) => {
      const terminal = terminalOf(history, jobId);
      const lost = terminal.type === 'failed' && terminal.error.code === 'worker_lost';
      return !accepted && !lost && ['completed', 'failed'].includes(terminal.type);
    });
    const cancel = among(fits, pick);
    if (cancel) Object.assign(cancel, { accepted: true, status: 'running' });
    return cancel !== undefined;
  }),
  facts('a cancel is answered with an end that was not', 'I8', ({ cancels }, pick) => {
    const cancel = among(
      cancels.filter(({ accepted }) => !accepted),
      pick,
    );
    if (cancel) cancel.status = cancel.status === 'failed' ? 'completed' : 'failed';
    return cancel !== undefined;
  }),
  facts('a stranger listens', 'I9', ({ attachments }, pick) => {
    const attached = among(attachments, pick);
    if (attached) attached.tenant = 'stranger';
    return attached !== undefined;
  }),
  facts('something is left over', 'I10', (history) => {
    history.leftovers = { ...history.leftovers, dueJobs: ['job_left'] };
    return true;
  }),
];
