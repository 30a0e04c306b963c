import { describe, expect, it } from 'vitest';
import { attachedTo, attachJob, collectSeqs, connectPair, failure, startJob } from './harness.ts';
import { completed, output, queued, started } from './scripted-gateway.ts';

describe('resuming', () => {
  it('attaches every job again after its last event, in its log', async () => {
    const { gateway, client, connection } = await connectPair();
    const one = await startJob(client, connection);
    const two = await attachJob(client, connection, 7);
    const all = Promise.all([collectSeqs(one.handle.events()), collectSeqs(two.handle.events())]);
    const third = collectSeqs(one.handle.events({ afterSeq: 1 }));
    connection.notify('event', one.job.event(1, queued));
    connection.notify('event', one.job.event(2, started));
    connection.notify('event', two.job.event(8, output('x')));
    const listing = client.list();
    connection.reply(await connection.expect('list'), { jobs: [] });
    await listing;
    connection.cut();
    const next = await gateway.accept();
    const attaches = [await next.expect('attach'), await next.expect('attach')];
    expect(attaches.map(({ params }) => params)).toEqual([
      { jobId: one.job.jobId, afterSeq: 2, batches: true, epoch: one.job.epoch },
      { jobId: two.job.jobId, afterSeq: 8, batches: true, epoch: two.job.epoch },
    ]);
    next.reply(attaches[0]!, attachedTo(one.job, 2));
    next.reply(attaches[1]!, attachedTo(two.job, 8));
    next.notify('event', two.job.event(9, completed));
    next.notify('event', one.job.event(3, completed));
    expect(await all).toEqual([
      [1, 2, 3],
      [8, 9],
    ]);
    expect(await third).toEqual([2, 3]);
  });

  it('survives connections that break again and again', async () => {
    const { gateway, client, connection } = await connectPair({
      reconnect: { baseMs: 1, maxMs: 1, attempts: 2 },
    });
    const { job, handle } = await startJob(client, connection);
    const all = collectSeqs(handle.events());
    connection.notify('event', job.event(1, queued));
    let current = connection;
    for (let seq = 2; seq <= 8; seq += 1) {
      current.close(4003, 'internal');
      current = await gateway.accept();
      const attach = await current.expect('attach');
      expect(attach.params.afterSeq).toBe(seq - 1);
      current.reply(attach, attachedTo(job, seq));
      current.notify('event', job.event(seq, seq === 8 ? completed : output('x')));
    }
    expect(await all).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('resumes when the connection is lost before the answer to an attach', async () => {
    const { gateway, client, connection } = await connectPair();
    const { job } = await startJob(client, connection);
    connection.cut();
    const second = await gateway.accept();
    const other = client.attach(job.jobId);
    await second.expect('attach');
    second.cut();
    const third = await gateway.accept();
    third.reply(await third.expect('attach'), attachedTo(job, 1));
    third.notify('event', job.event(1, completed));
    expect((await (await other).done()).seq).toBe(1);
  });

  it.each(['job_not_found', 'epoch_mismatch', 'position_ahead'] as const)(
    'ends the job with %s when the gateway says so',
    async (code) => {
      const { gateway, client, connection } = await connectPair();
      const { job, handle } = await startJob(client, connection);
      const ends = [handle.done(), handle.events().next()].map(failure);
      connection.cut();
      const next = await gateway.accept();
      next.refuse(await next.expect('attach'), code);
      for (const end of ends) expect(await end).toMatchObject({ code, jobId: job.jobId });
      expect(client.state).toBe('connected');
    },
  );

  it('tries again while the gateway cannot reach its log', async () => {
    const { gateway, client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.cut();
    const next = await gateway.accept();
    next.refuse(await next.expect('attach'), 'unavailable');
    next.refuse(await next.expect('attach'), 'internal');
    next.reply(await next.expect('attach'), attachedTo(job, 1));
    next.notify('event', job.event(1, completed));
    expect((await handle.done()).type).toBe('completed');
  });

  it('ends with the error when trying again does not help', async () => {
    const { gateway, client, connection } = await connectPair({
      reconnect: { baseMs: 1, maxMs: 1, attempts: 2 },
    });
    const { handle } = await startJob(client, connection);
    const end = failure(handle.done());
    connection.cut();
    const next = await gateway.accept();
    for (let attempt = 0; attempt < 3; attempt += 1) next.refuse(await next.expect('attach'), 'unavailable');
    expect(await end).toMatchObject({ code: 'unavailable', jobId: handle.jobId });
  });

  it('detaches before it attaches again when an attach was not answered', async () => {
    const { gateway, client, connection } = await connectPair({ requestTimeoutMs: 250 });
    const { job, handle } = await startJob(client, connection);
    connection.cut();
    const next = await gateway.accept();
    await next.expect('attach');
    next.reply(await next.expect('detach'), {});
    next.reply(await next.expect('attach'), attachedTo(job, 1));
    next.notify('event', job.event(1, completed));
    expect((await handle.done()).seq).toBe(1);
  });
});

describe('gaps', () => {
  it('drops duplicates', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    for (const seq of [1, 1, 2, 1, 2]) connection.notify('event', job.event(seq, output('x')));
    connection.notify('event', job.event(3, completed));
    expect(await collectSeqs(handle.events())).toEqual([1, 2, 3]);
  });

  it('attaches again from its position at a hole, and shows nothing from beyond it', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const all = collectSeqs(handle.events());
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(3, output('c')));
    const detach = await connection.expect('detach');
    // Still of the old attachment.
    connection.notify('event', job.event(4, output('d')));
    connection.reply(detach, {});
    const attach = await connection.expect('attach');
    expect(attach.params).toEqual({ jobId: job.jobId, afterSeq: 1, batches: true, epoch: job.epoch });
    connection.reply(attach, attachedTo(job, 5));
    for (const seq of [2, 3, 4]) connection.notify('event', job.event(seq, output('x')));
    connection.notify('event', job.event(5, completed));
    expect(await all).toEqual([1, 2, 3, 4, 5]);
  });

  it('attaches again when a heartbeat names an event that does not come', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    connection.notify('heartbeat', { jobs: [{ jobId: job.jobId, seq: 2, status: 'completed' }] });
    connection.reply(await connection.expect('detach'), {});
    const attach = await connection.expect('attach');
    expect(attach.params.afterSeq).toBe(1);
    connection.reply(attach, attachedTo(job, 2, 'completed'));
    connection.notify('event', job.event(2, completed));
    expect((await handle.done()).seq).toBe(2);
  });

  it('stays attached when the event that a heartbeat named comes after all', async () => {
    const { client, connection } = await connectPair({ tailGraceMs: 30 });
    const { job, handle } = await startJob(client, connection);
    connection.notify('heartbeat', { jobs: [{ jobId: job.jobId, seq: 1, status: 'queued' }] });
    connection.notify('event', job.event(1, queued));
    setTimeout(() => connection.notify('event', job.event(2, completed)), 60);
    expect((await handle.done()).seq).toBe(2);
    const listing = client.list();
    // The next request: there was no other.
    connection.reply(await connection.expect('list'), { jobs: [] });
    await listing;
  });

  it('gives up on a log that shows the same hole each time', async () => {
    const { client, connection } = await connectPair({ reconnect: { baseMs: 1, maxMs: 1, attempts: 2 } });
    const { job, handle } = await startJob(client, connection);
    const end = failure(handle.done());
    connection.notify('event', job.event(2, output('x')));
    for (let attempt = 0; attempt < 2; attempt += 1) {
      connection.reply(await connection.expect('detach'), {});
      connection.reply(await connection.expect('attach'), attachedTo(job, 2));
      connection.notify('event', job.event(2, output('x')));
    }
    expect(await end).toMatchObject({ code: 'protocol_violation', jobId: job.jobId });
  });

  it('does not give up on a log that has holes but goes forward', async () => {
    const { client, connection } = await connectPair({ reconnect: { baseMs: 1, maxMs: 1, attempts: 2 } });
    const { job, handle } = await startJob(client, connection);
    const all = collectSeqs(handle.events());
    connection.notify('event', job.event(1, queued));
    for (let seq = 2; seq <= 7; seq += 1) {
      connection.notify('event', job.event(seq + 1, output('beyond the hole')));
      connection.reply(await connection.expect('detach'), {});
      connection.reply(await connection.expect('attach'), attachedTo(job, 8));
      connection.notify('event', job.event(seq, output('x')));
    }
    connection.notify('event', job.event(8, completed));
    expect(await all).toEqual([1, 2, 3, 4, 5, 6, 7, 8]);
  });

  it('ends with epoch_mismatch at an event of another log', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const end = failure(handle.done());
    connection.notify('event', { ...job.event(1, queued), epoch: 'another' });
    expect((await end).code).toBe('epoch_mismatch');
  });

  it('ends with job_lost after what it had, when the gateway says so', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    const iterator = handle.events();
    connection.notify('event', job.event(1, queued));
    connection.notify('job_lost', { jobId: job.jobId, lastSeq: 1, reason: 'the log is gone' });
    expect((await failure(handle.done())).code).toBe('job_lost');
    expect((await iterator.next()).value.seq).toBe(1);
    const error = await failure(iterator.next());
    expect(error).toMatchObject({ code: 'job_lost', jobId: job.jobId, retryable: false });
    expect((await iterator.next()).done).toBe(true);
  });
});
