/** The stores beneath the hooks, with the SDK and a gateway that does what the test says. */
import type { Client } from '@cc-executor/client';
import { beforeEach, expect, it } from 'vitest';
import { openClient, startGateway } from '../../client/test/harness.ts';
import {
  completed,
  output,
  queued,
  type ScriptedGateway,
  scriptJob,
  started,
} from '../../client/test/scripted-gateway.ts';
import { createConversationStore, type KeptConversation } from '../src/conversation-store.ts';
import { createJobStore, type JobSource, type JobState, type JobStore, keyed } from '../src/job-store.ts';

let gateway: ScriptedGateway;
let client: Client;
beforeEach(async () => {
  gateway = await startGateway();
  client = openClient(gateway.url);
});

function memory<T>() {
  const kept: { value: T | undefined } = { value: undefined };
  return {
    kept,
    read: () => kept.value,
    write(value: T | undefined) {
      kept.value = structuredClone(value);
    },
  };
}

type Observed<S> = { subscribe(listener: () => void): () => void; getState(): S };

function until<S>(store: Observed<S>, fits: (state: S) => boolean): Promise<S> {
  return new Promise((resolve) => {
    const look = () => {
      if (!fits(store.getState())) return;
      leave();
      resolve(store.getState());
    };
    const leave = store.subscribe(look);
    queueMicrotask(look);
  });
}

const endOf = (conversation: string) =>
  ({ type: 'completed', evidence: 'complete-line', conversation }) as const;
const ended = ({ end }: JobState) => end !== undefined;
const nextTurn = () => new Promise((resolve) => setTimeout(resolve, 0));

it('starts once what is subscribed to, left and subscribed to again, as Strict Mode does', async () => {
  const store = createJobStore(client, memory<JobSource>());
  store.subscribe(() => {})();
  store.subscribe(() => {});
  store.show(keyed({ prompt: 'hello' }));
  const connection = await gateway.accept();
  const job = scriptJob();
  const request = await connection.expect('execute');
  expect(request.params.idempotencyKey).toMatch(/^react-/);
  connection.reply(request, job.accepted);
  for (const [i, body] of [queued, started, output('Hello.'), completed].entries()) {
    connection.notify('event', job.event(i + 1, body));
  }
  expect(await until(store, ended)).toMatchObject({ jobId: job.jobId, status: 'completed', text: 'Hello.' });
  expect(connection.unexpected()).toEqual([]);
});

it('asks again with the same key when it was left before the answer came, and tells nobody meanwhile', async () => {
  const keeper = memory<JobSource>();
  const store = createJobStore(client, keeper);
  let told = 0;
  const leave = store.subscribe(() => {
    told += 1;
  });
  store.show(keyed({ prompt: 'hello' }));
  const connection = await gateway.accept();
  const first = await connection.expect('execute');
  leave();
  const before = told;
  await nextTurn();
  const job = scriptJob();
  connection.reply(first, job.accepted);
  connection.reply(await connection.expect('detach'), {});
  expect(told).toBe(before);
  expect(keeper.kept.value).toMatchObject({ params: { prompt: 'hello' } });
  // Another page finds what was kept.
  const next = createJobStore(client, keeper);
  next.show(next.kept());
  const state = until(next, ended);
  const second = await connection.expect('execute');
  expect(second.params.idempotencyKey).toBe(first.params.idempotencyKey);
  connection.reply(second, { ...job.accepted, created: false });
  connection.notify('event', job.event(1, queued));
  connection.notify('event', job.event(2, completed));
  expect(await state).toMatchObject({ jobId: job.jobId });
  expect(keeper.kept.value).toEqual({ jobId: job.jobId });
});

it('tells of a thousand events a few times, and of all of them in the end', async () => {
  const store = createJobStore(client, memory<JobSource>());
  let told = 0;
  store.subscribe(() => {
    told += 1;
  });
  store.show({ jobId: scriptJob().jobId });
  const connection = await gateway.accept();
  const request = await connection.expect('attach');
  const job = scriptJob();
  const id = { jobId: request.params.jobId };
  connection.reply(request, { ...job.accepted, ...id, lastSeq: 0 });
  connection.together(() => {
    for (let seq = 1; seq <= 1_000; seq += 1)
      connection.notify('event', { ...job.event(seq, output('x')), ...id });
    connection.notify('event', { ...job.event(1_001, completed), ...id });
  });
  expect((await until(store, ended)).text).toBe('x'.repeat(1_000));
  expect(told).toBeLessThan(100);
});

it('cancels a job that is stopped before it is accepted', async () => {
  const store = createJobStore(client, memory<JobSource>());
  store.subscribe(() => {});
  store.show(keyed({ prompt: 'hello' }));
  store.stop();
  const connection = await gateway.accept();
  const job = scriptJob();
  connection.reply(await connection.expect('execute'), job.accepted);
  expect((await connection.expect('cancel')).params.jobId).toBe(job.jobId);
});

it('forgets a job that is there no more, and says so', async () => {
  const keeper = memory<JobSource>();
  const store: JobStore = createJobStore(client, keeper);
  store.show({ jobId: scriptJob().jobId });
  const state = until(store, ({ error }) => error !== undefined);
  const connection = await gateway.accept();
  connection.refuse(await connection.expect('attach'), 'job_not_found');
  expect((await state).error).toMatchObject({ code: 'job_not_found' });
  expect(keeper.kept.value).toBeUndefined();
});

it('goes on with a conversation where an earlier page left it, with the turn that waited', async () => {
  const keeper = memory<KeptConversation>();
  const first = createConversationStore(client, undefined, keeper);
  const leave = first.subscribe(() => {});
  first.send({ prompt: 'My name is Ada.' });
  first.send({ prompt: 'What is my name?' });
  let connection = await gateway.accept();
  const job = scriptJob();
  connection.reply(await connection.expect('execute'), job.accepted);
  await until(first, ({ turns }) => turns[0]?.jobId === job.jobId);
  leave();
  await client.close();
  client = openClient(gateway.url);
  const second = createConversationStore(client, undefined, keeper);
  const over = until(second, ({ turns }) => turns[1]?.end !== undefined);
  connection = await gateway.accept();
  connection.reply(await connection.expect('attach'), { ...job.accepted, lastSeq: 0 });
  connection.notify('event', job.event(1, endOf('conversation-1')));
  const next = scriptJob();
  const request = await connection.expect('execute');
  expect(request.params).toMatchObject({ prompt: 'What is my name?', conversation: 'conversation-1' });
  connection.reply(request, next.accepted);
  connection.notify('event', next.event(1, output('Ada.')));
  connection.notify('event', next.event(2, endOf('conversation-2')));
  expect(await over).toMatchObject({
    id: 'conversation-2',
    isBusy: false,
    turns: [{ prompt: 'My name is Ada.' }, { prompt: 'What is my name?', text: 'Ada.' }],
  });
});
