import type { JobEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { checkHistory, describeViolations, type History, type Violation } from '../src/index.ts';
import { BOUNDS, makeHistory, planJob } from './history-model.ts';
import { mutations } from './history-mutations.ts';

const check = (history: History, more: object = {}) => checkHistory(history, { bounds: BOUNDS, ...more });
const invariants = (violations: Violation[]) => [...new Set(violations.map(({ invariant }) => invariant))];
const parse = (json: string | undefined) => JSON.parse(json ?? '') as JobEvent;

/** Ends the job otherwise, everywhere. */
function rewriteEnd(history: History, change: (event: JobEvent) => object): void {
  const [job] = history.stored;
  const old = job!.log.at(-1)!;
  const changed = { ...parse(old), ...change(parse(old)) } as JobEvent;
  job!.record!.status = changed.type;
  for (const list of [job!.log, ...history.attachments.map(({ events }) => events)]) {
    const at = list.indexOf(old);
    if (at >= 0) list[at] = JSON.stringify(changed);
  }
}

/** Redis is wiped after the job ended: who is attached is told, and the record is gone. */
function wipe(history: History, at: number): void {
  history.faults.push({ name: 'wiped', startedAt: at, endedAt: at, losesData: 'all' });
  history.stored = history.stored.map(({ jobId }) => ({ jobId, log: [] }));
}

/** Mutations that cannot break one promise alone. */
const breaksMore = new Set([
  'an attachment sees two events the wrong way round',
  'an attachment is sent what is no event',
  'an attachment sees the terminal event twice',
  'the log has a second terminal event',
  'the log has no terminal event',
  'the log goes on after the terminal event',
  'the log has a hole',
  'an acknowledged job has no record',
  'upstream is never stopped',
]);

describe('the checker on one job', () => {
  it('finds nothing in a run in which every promise was kept', () => {
    expect(describeViolations(check(makeHistory([planJob()])))).toBe('');
  });

  it('names the job and what is wrong with it', () => {
    const history = makeHistory([planJob()]);
    history.attachments[0]!.events.splice(1, 1);
    expect(check(history)).toEqual([
      {
        invariant: 'I3',
        jobId: `job_${'0'.repeat(32)}`,
        detail: expect.stringMatching(/^client-0-0 at g1 .* saw seq 3 where 2 was due$/),
      },
    ]);
  });

  const single = mutations.filter(({ name }) => !breaksMore.has(name));
  const plans = [
    planJob({ takesBack: true }),
    planJob({ ending: 'failed' }),
    planJob({ retry: 'always', lostAttempts: 1 }),
  ];
  it.each(single.map((mutation) => [mutation.caughtAs, mutation.name, mutation] as const))(
    'blames %s alone when %s',
    (caughtAs, _, { apply }) => {
      const history = makeHistory(plans);
      expect(check(history)).toEqual([]);
      expect(apply(history, 0)).toBe(true);
      expect(invariants(check(history))).toEqual([caughtAs]);
    },
  );
});

describe('what the checker says of a log that nobody has seen', () => {
  const breaks: [string, RegExp, (log: string[]) => void][] = [
    ['I3', /holds what is no event, at 2/, (log) => log.splice(1, 1, '{"seq":2}')],
    ['I3', /holds what is no event, at 2/, (log) => log.splice(1, 1, 'no JSON')],
    ['I3', /another job/, (log) => log.splice(1, 1, log[1]!.replace('job_0', 'job_1'))],
    ['I3', /of epoch other/, (log) => log.splice(1, 1, log[1]!.replace('epoch-0', 'other'))],
    [
      'I4',
      /started .seq 2, attempt 0. stands behind queued .seq 1, attempt 1/,
      (log) => {
        log[0] = log[0]!.replace('"attempt":0', '"attempt":1');
        log[1] = log[1]!.replace('"attempt":1', '"attempt":0');
      },
    ],
  ];
  it.each(breaks)('is %s: %s', (invariant, says, change) => {
    const history = makeHistory([planJob({ clients: [] })]);
    history.calls = [];
    change(history.stored[0]!.log);
    const violations = check(history, { upstreamRecorded: false });
    expect(violations).toEqual([
      { invariant, jobId: history.stored[0]!.jobId, detail: expect.stringMatching(says) },
    ]);
  });
});

describe('what the checker says of what a client saw', () => {
  it('is I3 when the log does not have it', () => {
    const history = makeHistory([planJob()]);
    const [{ log, record }] = history.stored as [History['stored'][0]];
    log.splice(-2, 1);
    log[log.length - 1] = log.at(-1)!.replace(`"seq":${log.length + 1}`, `"seq":${log.length}`);
    record!.seq = String(log.length);
    expect(describeViolations(check(history))).toMatch(/I3 .* saw seq 7, which is not in the log/);
  });

  it('is I3 when it is of another job', () => {
    const history = makeHistory([planJob(), planJob()]);
    history.attachments[0]!.events[1] = history.stored[1]!.log[1]!;
    expect(describeViolations(check(history))).toMatch(/^I3 .* saw an event of another job, job_0+1$/);
  });

  it('is I4 when an older attempt spoke, though the log is gone', () => {
    const history = makeHistory([planJob({ clients: [{ cutAfter: [], late: false, detaches: false }] })]);
    wipe(history, history.takenAt);
    const { events } = history.attachments[0]!;
    events[2] = events[2]!.replace('"attempt":1', '"attempt":0');
    expect(invariants(check(history))).toEqual(['I4']);
  });
});

describe('I2: who listens sees the end in time', () => {
  const living = (history: History) => history.attachments.findLast(({ afterSeq }) => afterSeq === 3)!;

  it('does not count the time of a fault that was under way', () => {
    const history = makeHistory([planJob()]);
    const attached = living(history);
    attached.arrivedAt[attached.arrivedAt.length - 1]! += 60_000;
    const [arrivedAt = 0] = attached.arrivedAt.slice(-1);
    expect(invariants(check(history))).toEqual(['I2']);
    history.faults.push({ name: 'gateway stopped', startedAt: arrivedAt - 60_000, endedAt: arrivedAt - 500 });
    expect(check(history)).toEqual([]);
  });

  it('does not excuse it with a fault that came later', () => {
    const history = makeHistory([planJob()]);
    const attached = living(history);
    attached.arrivedAt[attached.arrivedAt.length - 1]! += 60_000;
    const [arrivedAt = 0] = attached.arrivedAt.slice(-1);
    history.faults.push({ name: 'too late', startedAt: arrivedAt + 1, endedAt: arrivedAt + 1 });
    expect(invariants(check(history))).toEqual(['I2']);
  });

  it('asks nothing for a client that left, and the end of one that is still attached', () => {
    const history = makeHistory([planJob()]);
    const attached = living(history);
    attached.events.pop();
    attached.end!.how = 'disconnected';
    expect(check(history)).toEqual([]);
    delete attached.end;
    expect(invariants(check(history))).toEqual(['I2']);
  });

  it('asks nothing for an attachment that begins behind the end', () => {
    const history = makeHistory([planJob()]);
    const afterSeq = history.stored[0]!.log.length;
    const { end: _, ...attached } = history.attachments[0]!;
    history.attachments.push({ ...attached, afterSeq, events: [], arrivedAt: [] });
    expect(check(history)).toEqual([]);
  });
});

describe('I5: what the text of the log must be', () => {
  it('is not judged by upstream where upstream kept no record', () => {
    const history = makeHistory([planJob(), planJob({ ending: 'failed' })]);
    history.calls = [];
    expect(invariants(check(history))).toEqual(['I5']);
    expect(check(history, { upstreamRecorded: false })).toEqual([]);
  });

  it('is the text of the attempt that was accepted, not of an earlier one', () => {
    const history = makeHistory([planJob({ retry: 'always', lostAttempts: 2 })]);
    expect(check(history)).toEqual([]);
    history.calls.at(-1)!.attempt = 1;
    expect(invariants(check(history))).toContain('I5');
  });
});

describe('I6: how often upstream is called', () => {
  it('allows a second call after a refusal, and none after one that was taken, though it gave no output', () => {
    const history = makeHistory([planJob({ refusals: 1 })]);
    expect(check(history)).toEqual([]);
    history.calls[0]!.endedBy = 'cut';
    expect(invariants(check(history))).toEqual(['I6']);
  });

  it('allows no second call where retry is never', () => {
    const history = makeHistory([planJob({ refusals: 1 })]);
    for (const answer of history.acknowledged) answer.retry = 'never';
    expect(invariants(check(history))).toEqual(['I6']);
  });

  it('allows as many calls that begin as the job may be begun, where retry is always, and refused ones besides', () => {
    const history = makeHistory([planJob({ refusals: 3 })]);
    for (const answer of history.acknowledged) answer.retry = 'always';
    expect(check(history)).toEqual([]);
    for (const call of history.calls.slice(0, 2)) call.endedBy = 'cut';
    expect(check(history)).toEqual([]);
    history.stored[0]!.record!.maxAttempts = '2';
    expect(invariants(check(history))).toEqual(['I6']);
    delete history.stored[0]!.record!.maxAttempts;
    history.calls[2]!.endedBy = 'cut';
    expect(invariants(check(history))).toEqual(['I6']);
  });

  it('goes by the record where the execute was never answered', () => {
    const history = makeHistory([planJob({ refusals: 1 })]);
    history.acknowledged = [];
    expect(check(history)).toEqual([]);
    history.stored[0]!.record!.retry = 'never';
    expect(invariants(check(history))).toEqual(['I6']);
  });
});

describe('I7: nothing acknowledged is lost', () => {
  it('accepts a loss that was injected, when whoever listened was told', () => {
    const history = makeHistory([planJob()]);
    const attached = history.attachments[1]!;
    attached.events.pop();
    attached.end!.how = 'job_lost';
    wipe(history, attached.end!.at - 1);
    expect(check(history)).toEqual([]);
    delete attached.end;
    expect(invariants(check(history))).toEqual(['I2', 'I7']);
  });

  it('does not accept the loss of a job that came after it', () => {
    const history = makeHistory([planJob()]);
    wipe(history, history.acknowledged[0]!.at - 1_000);
    expect(invariants(check(history))).toEqual(['I7']);
  });

  it('lets a key give a new job when the old one was wiped', () => {
    const history = makeHistory([planJob({ clients: [] }), planJob({ clients: [] })]);
    for (const answer of history.acknowledged) answer.idempotencyKey = 'same';
    expect(invariants(check(history))).toEqual(['I7']);
    const second = history.stored[1]!;
    wipe(history, parse(second.log[0]).time - 20);
    history.stored[1] = second;
    expect(check(history)).toEqual([]);
  });

  it('accepts that a record is gone when its retention has passed', () => {
    const history = makeHistory([planJob()]);
    history.stored = [{ jobId: history.stored[0]!.jobId, log: [] }];
    expect(check(history, { bounds: { ...BOUNDS, retentionMs: 1_000 } })).toEqual([]);
    expect(invariants(check(history, { bounds: { ...BOUNDS, retentionMs: 60_000 } }))).toEqual(['I7']);
  });
});

describe('I3 where data was lost', () => {
  it('does not compare texts when the tail of the log was lost, and does when all of it was', () => {
    const history = makeHistory([planJob()]);
    const attached = history.attachments[0]!;
    attached.events[1] = attached.events[1]!.replace('claude', 'another');
    const at = history.takenAt;
    history.faults.push({ name: 'power cut', startedAt: at, endedAt: at, losesData: 'tail' });
    expect(check(history)).toEqual([]);
    history.faults[0]!.losesData = 'all';
    expect(invariants(check(history))).toEqual(['I3']);
  });

  it('compares what clients saw of a log that is gone', () => {
    const history = makeHistory([planJob()]);
    wipe(history, history.takenAt);
    expect(check(history)).toEqual([]);
    history.attachments[0]!.events[1] = history.attachments[0]!.events[1]!.replace('claude', 'another');
    expect(invariants(check(history))).toEqual(['I3']);
  });
});

describe('I8: nothing runs on, and cancels come true', () => {
  it('gives a stopped worker until it runs again', () => {
    const history = makeHistory([planJob({ ending: 'worker_lost', clients: [] })]);
    const [call] = history.calls;
    const [fault] = history.faults;
    call!.endedAt! += 60_000;
    expect(invariants(check(history))).toEqual(['I8']);
    fault!.endedAt = call!.endedAt! - 100;
    expect(check(history)).toEqual([]);
  });

  it('lets an accepted cancel end otherwise only by a lost worker or a limit', () => {
    const history = makeHistory([planJob({ ending: 'cancelled' })]);
    history.cancels = history.cancels.filter(({ accepted }) => accepted);
    const error = { code: 'worker_lost', message: '', retrySafe: false };
    rewriteEnd(history, () => ({ type: 'failed', error }));
    expect(check(history)).toEqual([]);
    rewriteEnd(history, () => ({ type: 'timed_out', limit: 'total' }));
    expect(check(history)).toEqual([]);
    rewriteEnd(history, () => ({ type: 'failed', error: { ...error, code: 'claude_error' } }));
    expect(invariants(check(history))).toEqual(['I8']);
  });
});

describe('I10: nothing is left over', () => {
  it('names what is', () => {
    const history = makeHistory([planJob()]);
    history.leftovers = { sockets: ['a', 'b'], queueEntries: [] };
    expect(describeViolations(check(history))).toBe('I10: sockets are left: a, b');
  });
});
