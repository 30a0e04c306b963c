import type { JobEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import { attachedTo, attachJob, collect, collectSeqs, connectPair, failure, startJob } from './harness.ts';
import { completed, output, queued, scriptJob, started } from './scripted-gateway.ts';

describe('execute', () => {
  it('gives every event from the first to the terminal one, and the text', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    expect(handle).toMatchObject({ jobId: job.jobId, epoch: job.epoch, created: true, status: 'queued' });
    const bodies = [queued, started, output('Hel'), output('lo'), completed];
    for (const [index, body] of bodies.entries()) connection.notify('event', job.event(index + 1, body));
    const events = await collect(handle.events());
    expect(events).toEqual(bodies.map((body, index) => job.event(index + 1, body)));
    expect(await handle.done()).toEqual(events.at(-1));
    expect(handle.text()).toBe('Hello');
    expect(handle).toMatchObject({ status: 'completed', lastSeq: 5 });
  });

  it('loses no event that arrives in one packet with the answer', async () => {
    const { client, connection } = await connectPair();
    const job = scriptJob();
    const executing = client.execute({ prompt: 'hello' });
    const request = await connection.expect('execute');
    const traceparent = `00-${'a'.repeat(32)}-${'b'.repeat(16)}-01`;
    connection.together(() => {
      connection.reply(request, { ...job.accepted, traceparent });
      connection.notify('event', job.event(1, queued));
      connection.notify('event', job.event(2, completed));
    });
    const handle = await executing;
    expect(handle.traceparent).toBe(traceparent);
    expect(await collectSeqs(handle.events())).toEqual([1, 2]);
    expect(handle.status).toBe('completed');
  });

  it('folds resets and tells the answer from the text', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, { type: 'output', text: 'Let me see. ', begin: true }));
    connection.notify('event', job.event(3, { type: 'output', text: 'wrong', begin: true }));
    connection.notify('event', job.event(4, { type: 'reset', discardFromSeq: 3, reason: 'cut' }));
    connection.notify('event', job.event(5, { type: 'output', text: 'right', begin: true }));
    connection.notify('event', job.event(6, completed));
    await handle.done();
    expect(handle.text()).toBe('Let me see. right');
    expect(handle.answer()).toBe('right');
  });

  it('runs a job once more, with a key of its own', async () => {
    const { client, connection } = await connectPair();
    const [job, earlier] = [scriptJob(), scriptJob()];
    const rerunning = client.rerun(earlier.jobId);
    const request = await connection.expect('rerun');
    expect(request.params).toEqual({
      jobId: earlier.jobId,
      idempotencyKey: expect.stringMatching(/^sdk-/),
      batches: true,
    });
    connection.reply(request, job.accepted);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    const handle = await rerunning;
    expect(await collectSeqs(handle.events())).toEqual([1, 2]);
    expect(handle.jobId).toBe(job.jobId);
  });

  it('keeps the idempotency key of the caller and names it when no answer came', async () => {
    const { client, connection } = await connectPair({ requestTimeoutMs: 10 });
    const executing = failure(client.execute({ prompt: 'hello', idempotencyKey: 'mine' }));
    expect((await connection.expect('execute')).params.idempotencyKey).toBe('mine');
    expect(await executing).toMatchObject({ code: 'request_timeout', idempotencyKey: 'mine' });
  });

  it('listens to nothing with attach: false, until it is asked to', async () => {
    const { client, connection } = await connectPair();
    const job = scriptJob();
    const executing = client.execute({ prompt: 'hello', attach: false });
    const request = await connection.expect('execute');
    expect(request.params.attach).toBe(false);
    connection.reply(request, job.accepted);
    const done = (await executing).done();
    const attach = await connection.expect('attach');
    expect(attach.params).toEqual({ jobId: job.jobId, afterSeq: 0, batches: true, epoch: job.epoch });
    connection.reply(attach, attachedTo(job, 1, 'completed'));
    connection.notify('event', job.event(1, completed));
    expect((await done).type).toBe('completed');
  });

  it('shares the attachment when the key names a job that is listened to already', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    const again = client.execute({ prompt: 'hello', idempotencyKey: 'same' });
    connection.refuse(await connection.expect('execute'), 'already_attached');
    const second = await connection.expect('execute');
    expect(second.params).toMatchObject({ idempotencyKey: 'same', attach: false });
    connection.reply(second, { ...job.accepted, created: false });
    const other = await again;
    expect(other.created).toBe(false);
    const both = Promise.all([collectSeqs(handle.events()), collectSeqs(other.events())]);
    // The second handle begins at the first event, so the shared attachment is made anew.
    connection.reply(await connection.expect('detach'), {});
    connection.reply(await connection.expect('attach'), attachedTo(job, 2));
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    expect(await both).toEqual([
      [1, 2],
      [1, 2],
    ]);
  });
});

describe('attach', () => {
  it('begins after the given position in the given log', async () => {
    const { client, connection } = await connectPair();
    const job = scriptJob();
    const attaching = client.attach(job.jobId, { afterSeq: 3, epoch: job.epoch });
    const request = await connection.expect('attach');
    expect(request.params).toEqual({ jobId: job.jobId, afterSeq: 3, batches: true, epoch: job.epoch });
    connection.reply(request, attachedTo(job, 4));
    const handle = await attaching;
    expect(handle).toMatchObject({ status: 'running', created: undefined, epoch: job.epoch });
    connection.notify('event', job.event(4, output('end')));
    connection.notify('event', job.event(5, completed));
    expect(await collectSeqs(handle.events())).toEqual([4, 5]);
    expect(handle.text()).toBe('end');
  });

  it.each(['job_not_found', 'epoch_mismatch', 'position_ahead', 'unavailable'] as const)(
    'fails with %s when the gateway says so',
    async (code) => {
      const { client, connection } = await connectPair();
      const { jobId } = scriptJob();
      const attaching = failure(client.attach(jobId));
      connection.refuse(await connection.expect('attach'), code);
      expect(await attaching).toMatchObject({ code, jobId });
      const listing = client.list();
      connection.reply(await connection.expect('list'), { jobs: [] });
      await listing;
      // It is the caller's to try again.
      expect(connection.unexpected()).toEqual([]);
    },
  );

  it('gives the terminal event also to who attaches after it', async () => {
    const { client, connection } = await connectPair();
    const job = scriptJob();
    const attaching = client.attach(job.jobId, { afterSeq: 5 });
    connection.reply(await connection.expect('attach'), attachedTo(job, 5, 'completed'));
    // Nothing would follow: it asks for the last event once more.
    connection.reply(await connection.expect('detach'), {});
    const again = await connection.expect('attach');
    expect(again.params.afterSeq).toBe(4);
    connection.reply(again, attachedTo(job, 5, 'completed'));
    connection.notify('event', job.event(5, completed));
    const handle = await attaching;
    expect((await handle.done()).seq).toBe(5);
    expect(await collectSeqs(handle.events())).toEqual([]);
  });

  it('detaches first when the gateway says that it is attached already', async () => {
    const { client, connection } = await connectPair();
    const job = scriptJob();
    const attaching = client.attach(job.jobId);
    connection.refuse(await connection.expect('attach'), 'already_attached');
    connection.reply(await connection.expect('detach'), {});
    connection.reply(await connection.expect('attach'), attachedTo(job, 0));
    expect((await attaching).jobId).toBe(job.jobId);
  });

  it('refuses another log of a job that is listened to already', async () => {
    const { client, connection } = await connectPair();
    const { job } = await startJob(client, connection);
    const error = await failure(client.attach(job.jobId, { epoch: 'another' }));
    expect(error.code).toBe('epoch_mismatch');
  });
});

describe('iterators', () => {
  it('give a late iterator all events, from the log of the gateway', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const first = handle.events();
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, started));
    expect([(await first.next()).value.seq, (await first.next()).value.seq]).toEqual([1, 2]);
    const late = collectSeqs(handle.events());
    const rest = collectSeqs(first);
    connection.reply(await connection.expect('detach'), {});
    const attach = await connection.expect('attach');
    expect(attach.params).toMatchObject({ afterSeq: 0, epoch: job.epoch });
    connection.reply(attach, attachedTo(job, 3));
    for (const [index, body] of [queued, started, completed].entries()) {
      connection.notify('event', job.event(index + 1, body));
    }
    expect(await late).toEqual([1, 2, 3]);
    expect(await rest).toEqual([3]);
  });

  it('read a finished job again', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    expect(await collectSeqs(handle.events())).toEqual([1, 2]);
    const again = collectSeqs(handle.events({ afterSeq: 1 }));
    const attach = await connection.expect('attach');
    expect(attach.params.afterSeq).toBe(1);
    connection.reply(attach, attachedTo(job, 2, 'completed'));
    connection.notify('event', job.event(2, completed));
    expect(await again).toEqual([2]);
  });

  it('read from the log again what did not fit their queue', async () => {
    const { client, connection } = await connectPair({ maxQueueSize: 400 });
    const { job, handle } = await startJob(client, connection);
    const bodies = [queued, started, output('a'), output('b'), output('c'), completed];
    for (const [index, body] of bodies.entries()) connection.notify('event', job.event(index + 1, body));
    await handle.done();
    expect(handle.text()).toBe('abc');
    const all = collectSeqs(handle.events());
    for (;;) {
      const attach = await connection.expect('attach');
      const afterSeq = attach.params.afterSeq as number;
      expect(afterSeq).toBeGreaterThan(0);
      connection.reply(attach, attachedTo(job, 6, 'completed'));
      for (let seq = afterSeq + 1; seq <= 6; seq += 1) {
        connection.notify('event', job.event(seq, bodies[seq - 1]!));
      }
      if (afterSeq >= 4) break;
    }
    expect(await all).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('stay live while they are read, however much passes through them', async () => {
    const { client, connection } = await connectPair({ maxQueueSize: 400 });
    const { job, handle } = await startJob(client, connection);
    const iterator = handle.events();
    for (let seq = 1; seq <= 20; seq += 2) {
      connection.notify('event', job.event(seq, output('x')));
      connection.notify('event', job.event(seq + 1, output('x')));
      const listing = client.list();
      connection.reply(await connection.expect('list'), { jobs: [] });
      // Both events wait in the queue by now.
      await listing;
      expect((await iterator.next()).value.seq).toBe(seq);
      expect((await iterator.next()).value.seq).toBe(seq + 1);
    }
    connection.notify('event', job.event(21, completed));
    expect((await iterator.next()).value.seq).toBe(21);
    expect(connection.unexpected()).toEqual([]);
  });

  it('end alone when their loop is left; the job is listened to further', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    for await (const event of handle.events()) {
      expect(event.seq).toBe(1);
      break;
    }
    connection.notify('event', job.event(2, completed));
    expect((await handle.done()).seq).toBe(2);
  });

  it('serve calls of next() that overlap', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const iterator = handle.events();
    const nexts = [iterator.next(), iterator.next(), iterator.next()];
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    const results = await Promise.all(nexts);
    expect(results.map(({ done, value }) => (done ? 'end' : (value as JobEvent).seq))).toEqual([1, 2, 'end']);
  });
});

describe('detach, cancel, pause and resume', () => {
  it('stops listening without cancelling, and ends done() and iterators', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const ends = [handle.done(), handle.events().next()].map(failure);
    handle.detach();
    const detach = await connection.expect('detach');
    expect(detach.params).toEqual({ jobId: job.jobId });
    connection.reply(detach, {});
    for (const end of ends) expect(await end).toMatchObject({ code: 'connection_closed', jobId: job.jobId });
    expect((await failure(handle.events().next())).code).toBe('connection_closed');
  });

  it('goes on listening for another handle of the job', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await attachJob(client, connection);
    const other = await client.attach(job.jobId);
    handle.detach();
    connection.notify('event', job.event(1, completed));
    expect((await other.done()).seq).toBe(1);
  });

  it('cancels with the answer who won', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const cancelling = handle.cancel();
    const request = await connection.expect('cancel');
    expect(request.params).toEqual({ jobId: job.jobId });
    connection.reply(request, { status: 'completed', accepted: false });
    expect(await cancelling).toEqual({ status: 'completed', accepted: false });
  });

  it('pauses and resumes, by the handle and by the job id', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const { jobId } = job;
    const asks = [
      ['pause', () => handle.pause()],
      ['resume', () => handle.resume()],
      ['pause', () => client.pause(jobId)],
      ['resume', () => client.resume(jobId)],
    ] as const;
    for (const [method, ask] of asks) {
      const answer = ask();
      const request = await connection.expect(method);
      expect(request.params).toEqual({ jobId });
      connection.reply(request, { status: 'running', accepted: true });
      expect(await answer).toEqual({ status: 'running', accepted: true });
    }
    for (const [seq, body] of [
      [1, { type: 'queued' }],
      [2, { type: 'output', text: 'a' }],
      [3, { type: 'paused', limitMs: 1_000 }],
      [4, { type: 'resumed', pausedMs: 5 }],
      [5, { type: 'pause_refused', request: 'pause', reason: 'x' }],
      [6, { type: 'output', text: 'b' }],
      [7, completed],
    ] as const) {
      connection.notify('event', job.event(seq, body));
    }
    await handle.done();
    expect(handle.text()).toBe('ab');
  });
});
