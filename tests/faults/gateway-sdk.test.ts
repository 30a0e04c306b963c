/** What a program that uses the SDK sees of a gateway's death: every promise and every iterator ends. */
import {
  type Client,
  ClientError,
  type ClientOptions,
  createClient,
  type JobHandle,
  type Transport,
} from '@cc-executor/client';
import type { JobEvent } from '@cc-executor/protocol';
import { describeViolations, freePort, planText, type ServiceProcess } from '@cc-executor/testing';
import { afterEach, beforeEach, expect, test, vi } from 'vitest';
import { type FaultStack, startFaultStack } from './harness.ts';
import { THREE_SLOTS } from './moments.ts';
import { shareFaultStack } from './shared-stack.ts';

// A port of the gateway's own: it must still be free when the gateway comes back.
const stack = shareFaultStack(async () =>
  startFaultStack({ env: { ...THREE_SLOTS, GATEWAY_PORT: `${await freePort()}` } }),
);
let faults: FaultStack;
const clients: Client[] = [];
beforeEach(() => {
  faults = stack();
});
afterEach(async () => {
  await Promise.all(clients.splice(0).map((client) => client.close()));
});

const QUICK: Partial<ClientOptions> = { reconnect: { baseMs: 50, maxMs: 200, attempts: 100 } };

function openClient(options: Partial<ClientOptions> = QUICK): Client {
  const client = createClient({ url: faults.stack.url(), ...options });
  clients.push(client);
  return client;
}

async function execute(client: Client, prompt: string): Promise<JobHandle> {
  const job = await client.execute({ prompt });
  const { jobId, epoch } = job;
  faults.recorder.acknowledged({ jobId, epoch, created: true, gateway: 'gateway-0', retry: 'safe' });
  return job;
}

async function collect(job: JobHandle): Promise<JobEvent[]> {
  const events: JobEvent[] = [];
  for await (const event of job.events()) events.push(event);
  return events;
}

function firstGateway(): ServiceProcess {
  return faults.stack.gateways[0] as ServiceProcess;
}

/** Queued, mid-stream and about to finish, each with somebody who reads its events and somebody who waits. */
async function startJobs(client: Client) {
  const callsBefore = faults.upstream.calls().length;
  const plans = [
    faults.plan({ chunks: 4, ends: ['pause'] }),
    faults.plan({ chunks: 150, paceMs: 10 }),
    faults.plan({ chunks: 1, ends: ['pause'] }),
    faults.plan({ chunks: 4 }),
  ];
  const jobs: {
    job: JobHandle;
    text: string;
    events: Promise<JobEvent[]>;
    done: ReturnType<JobHandle['done']>;
  }[] = [];
  for (const { plan, prompt } of plans) {
    const job = await execute(client, prompt);
    jobs.push({ job, text: planText(plan), events: collect(job), done: job.done() });
  }
  for (const { job } of jobs.slice(0, 2)) {
    for await (const { type } of job.events()) if (type === 'output') break;
  }
  await faults.upstream.untilCalls(callsBefore + 3);
  return jobs;
}

/** `npm run test:package` runs every row over both, with the packed SDK. */
const OVER: Transport[] = process.env.SDK_TRANSPORTS === 'both' ? ['websocket', 'http'] : ['websocket'];

async function outlive(signal: 'SIGKILL' | 'SIGTERM', transport: Transport): Promise<void> {
  const client = openClient({ ...QUICK, transport });
  const jobs = await startJobs(client);
  const over = faults.recorder.fault(`gateway ${signal}`);
  firstGateway().kill(signal);
  await firstGateway().exited;
  // Nobody is there now: asked for meanwhile, answered later.
  const asked = execute(client, faults.plan({ chunks: 4 }).prompt);
  const attached = client.attach(jobs[1]?.job.jobId ?? '');
  const listed = client.list();
  for (const answer of [asked, attached, listed]) answer.catch(() => undefined);
  await faults.upstream.releaseWhile(faults.upstream.untilRunning(1));
  // Clients are at its door the moment that it opens; its way to Redis takes longer.
  await faults.proxies.gatewayRedis.set({ toClient: { delayMs: 100 } });
  await faults.revive();
  over();
  for (const { job, text, events, done } of jobs) {
    expect(await done).toMatchObject({ type: 'completed', attempt: 1 });
    expect((await events).map(({ seq }) => seq)).toEqual((await events).map((_, i) => i + 1));
    expect((await events).at(-1)).toEqual(await done);
    expect(job.text()).toBe(text);
  }
  expect(await (await asked).done()).toMatchObject({ type: 'completed' });
  await faults.proxies.gatewayRedis.reset();
  expect((await listed).jobs.length).toBeGreaterThan(3);
  const late = await attached.catch((error: unknown) => error);
  if (!(late instanceof ClientError))
    expect(await (late as JobHandle).done()).toMatchObject({ type: 'completed' });
  const { violations } = await faults.check();
  expect(describeViolations(violations)).toBe('');
}

test.each(['websocket', 'http'] as const)(
  'gateway · SIGKILL · b d f g: over %s, the SDK goes on where it stood as soon as there is a gateway again',
  (transport) => outlive('SIGKILL', transport),
);

test.each(OVER)(
  'gateway · SIGTERM · b d f g: over %s, the SDK goes on where it stood as soon as there is a gateway again',
  (transport) => outlive('SIGTERM', transport),
);

test.each(OVER)(
  'gateway · SIGKILL · a b d f g: when no gateway comes back, every promise and every iterator of the SDK ends with an error that says so, over %s',
  async (transport) => {
    const client = openClient({ transport, reconnect: { baseMs: 50, maxMs: 200, attempts: 5 } });
    const jobs = await startJobs(client);
    // Answers that are under way when it dies.
    await faults.proxies.gatewayRedis.set({ toClient: { hold: true } });
    const pending = [
      client.execute({ prompt: faults.plan().prompt }),
      client.attach(jobs[0]?.job.jobId ?? '', { afterSeq: 0 }),
      client.cancel(jobs[1]?.job.jobId ?? ''),
      client.get(jobs[1]?.job.jobId ?? ''),
      client.list(),
    ];
    const over = faults.recorder.fault('gateway SIGKILL');
    firstGateway().kill('SIGKILL');
    await firstGateway().exited;
    await faults.proxies.gatewayRedis.reset();
    over();
    // As long as it has not heard of that, it is connected, and says so.
    await vi.waitFor(() => expect(client.state).not.toBe('connected'));
    const late = [client.execute({ prompt: faults.plan().prompt }), client.connect()];
    const waiting = jobs.flatMap(({ events, done }): Promise<unknown>[] => [events, done]);
    const ends = await Promise.allSettled([...pending, ...late, ...waiting]);
    for (const end of ends) {
      expect(end).toMatchObject({ status: 'rejected', reason: expect.any(ClientError) });
    }
    // Nothing of it is lost: another gateway tells the rest. The mid-stream job may have been cancelled meanwhile.
    faults.upstream.release();
    await faults.revive();
    const next = openClient();
    for (const { job } of jobs) {
      faults.upstream.release();
      expect(await (await next.attach(job.jobId, job)).done()).toMatchObject({
        type: expect.stringMatching(/^(completed|cancelled)$/),
      });
    }
  },
);
