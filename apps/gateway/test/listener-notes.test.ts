/** What a job's record says of who listened: through each door, whatever became of it. */
import type { ListenerNote } from '@cc-executor/protocol';
import { createLogger } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { createListenerNotes } from '../src/listening/listener-notes.ts';
import { completed, output, provideRig, type Rig, TENANT, takeJob } from './harness.ts';

let rig: Rig;
provideRig((made) => {
  rig = made;
});

test('a job knows who listened, from where, how far, and who was handed its end', async () => {
  const gateway = await rig.gateway();
  const jobId = await rig.createJob();
  const [stays, leaves] = [await rig.connect(gateway), await rig.connect(gateway)];
  await stays.request('attach', { jobId });
  await leaves.request('attach', { jobId });
  const attempt = await takeJob(rig.log, jobId);
  await attempt.write(output('a'), output('b'));
  await leaves.until(({ params }) => params?.seq === 3);
  await leaves.request('detach', { jobId });
  await attempt.end(completed);
  await stays.untilTerminal(jobId);
  const again = `http://127.0.0.1:${gateway.port}/v1/jobs/${jobId}/events?after=3`;
  await (await fetch(again)).text();

  const found = async () => (await stays.request('get', { jobId })).result.listeners;
  await expect
    .poll(found)
    .toEqual([
      expect.objectContaining({ door: 'native', state: 'ended', afterSeq: 0, lastSeq: 4 }),
      expect.objectContaining({ door: 'native', state: 'left', afterSeq: 0, lastSeq: 3 }),
      expect.objectContaining({ door: 'http', state: 'ended', afterSeq: 3, lastSeq: 4 }),
    ]);
  for (const { since, until } of (await found()) ?? []) expect(until).toBeGreaterThanOrEqual(since);
});

test('who listens is known at once, and who only looks on, through either door, is told from them', async () => {
  const gateway = await rig.gateway();
  const jobId = await rig.createJob();
  const [listens, looks] = [await rig.connect(gateway), await rig.connect(gateway)];
  const found = async () => (await listens.request('get', { jobId })).result.listeners;
  await listens.request('attach', { jobId });
  const first = { door: 'native', state: 'listening', afterSeq: 0 };
  expect(await found()).toEqual([expect.objectContaining(first)]);
  await looks.request('attach', { jobId, watch: true });
  const attempt = await takeJob(rig.log, jobId);
  await attempt.end(completed);
  await looks.untilTerminal(jobId);
  await listens.untilTerminal(jobId);
  const stream = `http://127.0.0.1:${gateway.port}/v1/jobs/${jobId}/events?watch=true`;
  await (await fetch(stream)).text();
  const ended = await found();
  expect(ended.map(({ door, watches }: ListenerNote) => [door, watches])).toEqual([
    ['native', undefined],
    ['native', true],
    ['http', true],
  ]);
  for (const { state } of ended) expect(state).toBe('ended');
});

test('who asks for the job of another has no note of it written', async () => {
  const jobId = await rig.createJob();
  const logger = createLogger({ name: 'test', level: 'silent', format: 'json' });
  const notes = createListenerNotes({ listenLog: rig.log, logger, intervalMs: 60_000 });
  notes.begin({ tenant: TENANT, jobId }, { door: 'native', afterSeq: 0 });
  await notes.settle('stranger', jobId);
  expect((await rig.log.get(TENANT, jobId))?.listeners).toEqual([]);
  await notes.settle(TENANT, jobId);
  expect((await rig.log.get(TENANT, jobId))?.listeners).toHaveLength(1);
});

test('a gateway that stops leaves its notes', async () => {
  const gateway = await rig.gateway();
  const jobId = await rig.createJob();
  await (await rig.connect(gateway)).request('attach', { jobId });
  await gateway.close();
  const { listeners } = (await rig.log.get(TENANT, jobId)) ?? {};
  expect(listeners).toEqual([expect.objectContaining({ state: 'left', lastSeq: 1 })]);
});
