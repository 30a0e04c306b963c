import { describe, expect, it } from 'vitest';
import { attachJob, connectPair, startJob } from './harness.ts';
import { queued, scriptJob } from './scripted-gateway.ts';

const reason = new Error('the user went away');

describe('a signal', () => {
  it('ends the wait of every call with its reason', async () => {
    const { client, connection } = await connectPair();
    const { handle } = await startJob(client, connection);
    const { jobId } = scriptJob();
    const controller = new AbortController();
    const { signal } = controller;
    const call = { signal };
    const waits = [
      ...[client.list({}, call), client.get(jobId, call), client.eventBody(jobId, 1, call)],
      ...[client.cancel(jobId, call), client.pause(jobId, call), client.resume(jobId, call)],
      ...[client.cancelMany({ status: 'queued' }, call), client.verify(jobId, call)],
      ...[client.execute({ prompt: 'hello' }, call), client.rerun(jobId, call), client.attach(jobId, call)],
      ...[handle.done(call), handle.cancel(call), handle.pause(call), handle.resume(call)],
      ...[handle.events(call).next(), handle.events({ afterSeq: 0, signal }).next()],
    ];
    const ends = Promise.allSettled(waits);
    controller.abort(reason);
    for (const end of await ends) expect(end).toEqual({ status: 'rejected', reason });
    expect(await Promise.allSettled([client.list({}, call), client.connect(call)])).toEqual([
      { status: 'rejected', reason },
      { status: 'rejected', reason },
    ]);
  });

  it('keeps a request that waits for a connection from being sent', async () => {
    const { gateway, client, connection } = await connectPair();
    const controller = new AbortController();
    connection.cut();
    await new Promise<void>((resolve) => client.on('state', () => resolve()));
    const executing = client.execute({ prompt: 'hello' }, { signal: controller.signal });
    controller.abort(reason);
    await expect(executing).rejects.toBe(reason);
    const next = await gateway.accept();
    const listing = client.list();
    next.reply(await next.expect('list'), { jobs: [] });
    await listing;
  });

  it('detaches from a job that is accepted after it', async () => {
    const { client, connection } = await connectPair();
    const controller = new AbortController();
    const executing = client.execute({ prompt: 'hello' }, { signal: controller.signal });
    const request = await connection.expect('execute');
    controller.abort(reason);
    await expect(executing).rejects.toBe(reason);
    const job = scriptJob();
    connection.reply(request, job.accepted);
    expect((await connection.expect('detach')).params).toEqual({ jobId: job.jobId });
  });

  it('detaches from a job whose attach it ended', async () => {
    const { client, connection } = await connectPair();
    const controller = new AbortController();
    const { jobId, epoch } = scriptJob();
    const attaching = client.attach(jobId, { signal: controller.signal });
    const request = await connection.expect('attach');
    controller.abort(reason);
    await expect(attaching).rejects.toBe(reason);
    connection.reply(request, { jobId, epoch, status: 'running', lastSeq: 0 });
    await connection.expect('detach');
  });

  it('ends one iterator, and no other listener of the job', async () => {
    const { client, connection } = await connectPair();
    const { handle, job } = await attachJob(client, connection);
    const controller = new AbortController();
    const ended = handle.events({ signal: controller.signal });
    const other = handle.events({ afterSeq: 0 });
    controller.abort(reason);
    await expect(ended.next()).rejects.toBe(reason);
    expect(await ended.next()).toEqual({ done: true, value: undefined });
    connection.notify('event', job.event(1, queued));
    expect((await other.next()).value).toMatchObject({ seq: 1 });
  });
});
