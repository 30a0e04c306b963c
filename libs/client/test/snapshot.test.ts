import { createHash } from 'node:crypto';
import { expect, test } from 'vitest';
import { attachedTo, collectSeqs, connectPair, failure, startJob } from './harness.ts';
import {
  completed,
  output,
  type ScriptedConnection,
  type ScriptedJob,
  scriptJob,
} from './scripted-gateway.ts';

const state = { status: 'running', paused: false, tools: [] };

function sendSnapshot(connection: ScriptedConnection, { jobId, epoch }: ScriptedJob): void {
  const of = { jobId, epoch, seq: 900 };
  connection.notify('snapshot', { ...of, pieces: [{ seq: 3, text: 'Let me see. ', begin: true }] });
  connection.notify('snapshot', { ...of, pieces: [{ seq: 700, text: 'It ', begin: true }], state });
}

/** Answers a request to attach from a snapshot. */
async function answerAttach(connection: ScriptedConnection, job: ScriptedJob) {
  const request = await connection.expect('attach');
  expect(request.params).toMatchObject({ jobId: job.jobId, from: 'snapshot' });
  connection.reply(request, { ...attachedTo(job, 900), snapshotSeq: 900 });
}

test('text and status are of all events so far, and those that follow in the same turn are not lost', async () => {
  const { client, connection } = await connectPair();
  const job = scriptJob();
  const attaching = client.attach(job.jobId, { from: 'snapshot' });
  await answerAttach(connection, job);
  const bytes = Buffer.from('Let me see. It is 168.');
  const digest = { bytes: bytes.length, sha256: createHash('sha256').update(bytes).digest('hex') };
  connection.together(() => {
    sendSnapshot(connection, job);
    connection.notify('event', job.event(901, output('is 168.')));
    connection.notify('event', job.event(902, { type: 'completed', evidence: 'complete-line', digest }));
  });
  const handle = await attaching;
  expect([handle.epoch, handle.lastSeq, handle.text()]).toEqual([job.epoch, 902, bytes.toString()]);
  expect(handle.answer()).toBe('It is 168.');
  expect(await collectSeqs(handle.events())).toEqual([901, 902]);
  expect(await handle.digestOk()).toBe(true);
  expect(connection.unexpected()).toEqual([]);
});

test('a reset afterwards takes back of the snapshot what it names, also after a reconnect', async () => {
  const { client, connection, gateway } = await connectPair();
  const job = scriptJob();
  const attaching = client.attach(job.jobId, { from: 'snapshot' });
  await answerAttach(connection, job);
  sendSnapshot(connection, job);
  const handle = await attaching;
  expect(handle.status).toBe('running');
  connection.cut();
  const next = await gateway.accept();
  const resumed = await next.expect('attach');
  expect(resumed.params).toMatchObject({ afterSeq: 900, epoch: job.epoch });
  next.reply(resumed, attachedTo(job, 901));
  next.notify('event', job.event(901, { type: 'reset', discardFromSeq: 700, reason: 'anew' }));
  next.notify('event', job.event(902, completed));
  await handle.done();
  expect(handle.text()).toBe('Let me see. ');
});

test('a snapshot that breaks off is asked for anew', async () => {
  const { client, connection, gateway } = await connectPair();
  const job = scriptJob();
  const attaching = client.attach(job.jobId, { from: 'snapshot' });
  await answerAttach(connection, job);
  connection.notify('snapshot', {
    jobId: job.jobId,
    epoch: job.epoch,
    seq: 900,
    pieces: [{ seq: 3, text: 'x' }],
  });
  await new Promise((resolve) => setImmediate(resolve));
  connection.cut();
  const next = await gateway.accept();
  await answerAttach(next, job);
  sendSnapshot(next, job);
  expect((await attaching).text()).toBe('Let me see. It ');
});

test('a job that is listened to here already gives all its events instead, with the same text', async () => {
  const { client, connection } = await connectPair();
  const { job, handle } = await startJob(client, connection);
  connection.notify('event', job.event(1, output('a')));
  await handle.events().next();
  const attaching = client.attach(job.jobId, { from: 'snapshot' });
  connection.reply(await connection.expect('detach'), {});
  const again = await connection.expect('attach');
  expect(again.params).toMatchObject({ afterSeq: 0 });
  connection.reply(again, attachedTo(job, 1));
  connection.notify('event', job.event(1, output('a')));
  connection.notify('event', job.event(2, completed));
  const other = await attaching;
  await other.done();
  expect([handle.text(), other.text()]).toEqual(['a', 'a']);
});

test('what the gateway refuses, a lost job and the end of the client reject', async () => {
  const { client, connection } = await connectPair();
  const refused = client.attach(scriptJob().jobId, { from: 'snapshot' });
  connection.refuse(await connection.expect('attach'), 'job_not_found');
  expect(await failure(refused)).toMatchObject({ code: 'job_not_found' });
  const job = scriptJob();
  const lost = client.attach(job.jobId, { from: 'snapshot' });
  await answerAttach(connection, job);
  connection.notify('job_lost', { jobId: job.jobId, lastSeq: 0, reason: 'wiped' });
  expect(await failure(lost)).toMatchObject({ code: 'job_lost' });
  const ended = client.attach(job.jobId, { from: 'snapshot' });
  await answerAttach(connection, job);
  const failed = failure(ended);
  await client.close();
  expect(await failed).toMatchObject({ code: 'connection_closed' });
});
