import { createHash } from 'node:crypto';
import type { EventBody } from '@cc-executor/protocol';
import { describe, expect, it, vi } from 'vitest';
import { attachJob, connectPair, failure, startJob } from './harness.ts';
import { completed, output, queued, started } from './scripted-gateway.ts';

const text = 'grün 🚀';
const digest = { bytes: Buffer.byteLength(text), sha256: createHash('sha256').update(text).digest('hex') };
const half = '🚀'.slice(0, 1);
const ending = { ...completed, digest } as EventBody;
const bodies = [
  queued,
  started,
  output('void'),
  { type: 'reset', discardFromSeq: 3, reason: 'begun anew' } as const,
  output(`grün ${half}`),
  output('🚀'.slice(1)),
  ending,
];

describe('the digest of a job', () => {
  it('is reckoned anew from what arrived: resets are undone, characters may be cut anywhere', async () => {
    const warn = vi.fn();
    const { client, connection } = await connectPair({ logger: { debug: () => {}, warn } });
    const { job, handle } = await startJob(client, connection);
    for (const [index, body] of bodies.entries()) connection.notify('event', job.event(index + 1, body));
    expect(await handle.digestOk()).toBe(true);
    expect(warn).not.toHaveBeenCalled();
  });

  it.each([
    ['another text', 'grau 🚀'],
    ['a text of the same length', 'grün 🛸'],
  ])('does not fit %s, which is told', async (_what, tampered) => {
    const warn = vi.fn();
    const { client, connection } = await connectPair({ logger: { debug: () => {}, warn } });
    const { job, handle } = await startJob(client, connection);
    const sent = [queued, output(tampered), ending];
    for (const [index, body] of sent.entries()) connection.notify('event', job.event(index + 1, body));
    expect((await handle.done()).type).toBe('completed');
    expect(await handle.digestOk()).toBe(false);
    expect(warn).toHaveBeenCalledWith({ jobId: job.jobId }, expect.stringContaining('digest'));
  });

  it('says nothing where there is none, or the text was not seen from its start', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('event', job.event(1, queued));
    connection.notify('event', job.event(2, completed));
    expect(await handle.digestOk()).toBeUndefined();
    const later = await attachJob(client, connection, 5);
    connection.notify('event', later.job.event(6, output('the rest')));
    connection.notify('event', later.job.event(7, ending));
    expect(await later.handle.digestOk()).toBeUndefined();
  });

  it('is not known of a job whose end cannot be had', async () => {
    const { client, connection } = await connectPair();
    const { job, handle } = await startJob(client, connection);
    connection.notify('job_lost', { jobId: job.jobId, lastSeq: 1, reason: 'wiped' });
    expect(await failure(handle.digestOk())).toMatchObject({ code: 'job_lost' });
  });
});
