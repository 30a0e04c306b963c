/** What the scripts of a cancel and of a pause say to workers. */
import { hearWishes } from '@cc-executor/signals';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { openRedisTwin, type RedisTwin } from './redis-twin.ts';
import { runningJob, TENANT } from './suite/twin.ts';

let twin: RedisTwin;
beforeAll(async () => {
  twin = await openRedisTwin();
});
afterAll(() => twin.close());

it('the control channel brings the cancel or the pause of a running job, also after its connection was lost', async () => {
  const subscriber = twin.connect('subscriber');
  const heard: string[] = [];
  let came = () => {};
  const onWish = (jobId: string) => {
    heard.push(jobId);
    came();
  };
  const onRefused = (error: unknown) => {
    throw error;
  };
  hearWishes({ subscriber, keyPrefix: twin.keyPrefix, onWish, onRefused });
  // Its subscription is acknowledged before that of a command sent after it.
  await subscriber.ping();
  const cancel = async () => {
    const { jobId } = await runningJob(twin.log);
    const told = new Promise<void>((resolve) => {
      came = resolve;
    });
    await twin.log.cancel(TENANT, jobId, 'client');
    await told;
    return jobId;
  };
  const first = await cancel();
  const ready = new Promise((resolve) => subscriber.once('ready', resolve));
  await twin.server.killClients('subscribers');
  await ready;
  await subscriber.ping();
  const second = await cancel();
  const third = await runningJob(twin.log);
  const told = new Promise<void>((resolve) => {
    came = resolve;
  });
  await twin.log.setPauseWish(TENANT, third.jobId, true);
  await told;
  expect(heard).toEqual([first, second, third.jobId]);
});
