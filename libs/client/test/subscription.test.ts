import type { JobEvent } from '@cc-executor/protocol';
import { describe, expect, it } from 'vitest';
import type { Connection } from '../src/connection.ts';
import { ClientError } from '../src/errors.ts';
import { createSubscription, type Listener } from '../src/subscription.ts';
import { completed, scriptJob } from './scripted-gateway.ts';

function listen(): Listener & { events: JobEvent[]; isListening: boolean; lastSeq: number } {
  const listener = {
    events: [] as JobEvent[],
    lastSeq: 0,
    isListening: true,
    take(event: JobEvent) {
      listener.events.push(event);
      listener.lastSeq = event.seq;
      if (event.type === 'completed') listener.isListening = false;
    },
    fail() {
      listener.isListening = false;
    },
  };
  return listener;
}

/** Runs a subscription over a connection that notes what it is asked. */
function follow() {
  const job = scriptJob();
  const requests: string[] = [];
  let idle = 0;
  const connection = {
    isReady: () => true,
    progress() {},
    async request(method: string) {
      requests.push(method);
      if (method === 'attach') throw new ClientError('unavailable');
      return {};
    },
  } as unknown as Connection;
  const subscription = createSubscription({
    jobId: job.jobId,
    epoch: job.epoch,
    connection,
    retry: { baseMs: 1, maxMs: 1, attempts: 1 },
    tailGraceMs: 1,
    onIdle() {
      idle += 1;
    },
  });
  return { job, requests, subscription, idle: () => idle };
}

const settle = () => new Promise((resolve) => setImmediate(resolve));

describe('a subscription that nobody needs', () => {
  it('says so after the terminal event, without asking the gateway for anything', async () => {
    const { job, requests, subscription, idle } = follow();
    const listener = listen();
    subscription.adopt([listener], { epoch: job.epoch, status: 'queued', afterSeq: 0 });
    await settle();
    expect(idle()).toBe(0);
    subscription.receive(job.event(1, completed) as JobEvent, 1);
    await settle();
    expect(listener.events).toHaveLength(1);
    expect(idle()).toBe(1);
    expect(requests).toEqual([]);
  });

  it('detaches once when its last listener leaves', async () => {
    const { job, requests, subscription, idle } = follow();
    const [one, two] = [listen(), listen()];
    subscription.adopt([one, two], { epoch: job.epoch, status: 'queued', afterSeq: 0 });
    subscription.leave([one]);
    await settle();
    expect(requests).toEqual([]);
    subscription.leave([two]);
    await settle();
    expect(requests).toEqual(['detach']);
    expect(idle()).toBe(1);
  });

  it('does not try again for a caller who was told that it failed', async () => {
    const { requests, subscription, idle } = follow();
    await expect(subscription.join([listen()])).rejects.toMatchObject({ code: 'unavailable' });
    await settle();
    expect(requests).toEqual(['attach']);
    expect(idle()).toBe(1);
  });
});
