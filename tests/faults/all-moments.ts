/**
 * One outage, met by a job at every moment: one is accepted during it, one is queued, one is claimed, one is
 * mid-stream, one ends, one has ended and is not delivered yet, and somebody attaches. All must end as if there had
 * been none.
 */

import { randomUUID } from 'node:crypto';
import type { LogEvent } from '@cc-executor/runtime';
import { sleep } from '@cc-executor/runtime';
import { type FaultProxy, planText, startFaultProxy } from '@cc-executor/testing';
import { type FaultStack, type FaultStackOptions, startFaultStack } from './harness.ts';
import type { RecordingClient } from './recording-client.ts';

export type Outage = {
  name: string;
  begin(): Promise<unknown> | unknown;
  end(): Promise<unknown> | unknown;
  /** How long it lasts at least, in ms. */
  lastsMs?: number;
};

/** Where a job stood when the outage began. */
type Moment = 'accepting' | 'queued' | 'claimed' | 'streaming' | 'finishing' | 'undelivered';

export type OutageStack = FaultStack & {
  /** Between the second gateway and Redis. */
  lateRedis: FaultProxy;
  /** From now on the second gateway does not hear of what happens. */
  deafen(): Promise<void>;
  /** It hears again; what was on its way to it is lost. */
  undeafen(): Promise<void>;
};

export type Met = {
  jobs: Record<Moment, { jobId: string; text: string; prompt: string }>;
  /** Of the first gateway, which met the outage. */
  client: RecordingClient;
};

const PACE_MS = 40;

/** Two workers of two slots, and a second gateway whose Redis can be cut off alone. */
export async function startOutageStack(options: FaultStackOptions = {}): Promise<OutageStack> {
  const faults = await startFaultStack({
    workers: 2,
    ...options,
    env: { WORKER_CONCURRENCY: '2', ...options.env },
  });
  const lateRedis = await startFaultProxy({ target: { port: faults.redis.port }, protocol: 'redis' });
  const { sentinels } = options;
  const second = await faults.startGateway(sentinels ? {} : { REDIS_URL: lateRedis.url() });
  async function close(): Promise<void> {
    await faults.close();
    await lateRedis.close();
  }
  const ears = sentinels
    ? {
        async deafen() {
          second.kill('SIGSTOP');
          await (await sentinels.master()).killClients('subscribers');
        },
        undeafen: async () => second.kill('SIGCONT'),
      }
    : {
        deafen: () => lateRedis.set({ toClient: { hold: true } }),
        async undeafen() {
          lateRedis.cutAll('rst');
          await lateRedis.reset();
        },
      };
  return { ...faults, ...ears, lateRedis, close };
}

/*
 * Plans that pause have no pace: their first half goes out in one step, so that whoever sees the first of it can
 * release the rest.
 */

/** Brings a job to every moment, has the outage, and resolves when every client has its terminal event. */
export async function meetOutage(faults: OutageStack, outage: Outage): Promise<Met> {
  const { upstream, recorder } = faults;
  const lastsMs = outage.lastsMs ?? 0;
  const [client, late] = [await faults.client(0), await faults.client(1)];
  const callsBefore = upstream.calls().length;
  const longer = Math.ceil((lastsMs + 1_000) / PACE_MS);
  const prompts = {
    undelivered: faults.plan({ paceMs: 0, ends: ['pause', 'complete'] }),
    claimed: faults.plan({ chunks: 1, paceMs: lastsMs + 500 }),
    streaming: faults.plan({ chunks: longer, paceMs: PACE_MS }),
    alsoStreaming: faults.plan({ chunks: longer, paceMs: PACE_MS }),
    finishing: faults.plan({ paceMs: 0, ends: ['pause', 'complete'] }),
    queued: faults.plan(),
    accepting: faults.plan(),
  };

  // A gateway that has just started may not have reached Redis yet.
  const undelivered = await untilDone(() => late.execute({ prompt: prompts.undelivered.prompt }));
  await upstream.untilOutput(undelivered);
  await late.wire.until((message) => message.params?.type === 'output');
  await faults.deafen();
  upstream.release();
  await untilLogged(faults, undelivered, 'job_ended');

  const claimed = await untilDone(() => client.execute({ prompt: prompts.claimed.prompt }));
  const streaming = await client.execute({ prompt: prompts.streaming.prompt });
  const alsoStreaming = await client.execute({ prompt: prompts.alsoStreaming.prompt });
  const finishing = await client.execute({ prompt: prompts.finishing.prompt });
  await Promise.all([streaming, alsoStreaming, finishing].map((jobId) => upstream.untilOutput(jobId)));
  // The slots are taken: claimed has been called, and nothing of it is out.
  await upstream.untilCalls(callsBefore + 5);
  const queued = await client.execute({ prompt: prompts.queued.prompt });
  const [accepter, attacher] = [await faults.client(0), await faults.client(0)];

  const over = recorder.fault(outage.name);
  const endsAt = performance.now() + lastsMs;
  await outage.begin();
  const accepted = untilDone(() =>
    accepter.execute({ prompt: prompts.accepting.prompt, idempotencyKey: randomUUID(), attach: false }),
  );
  const attached = untilDone(() => attacher.attach(streaming));
  upstream.release();
  await upstream.untilEnded(finishing);
  await sleep(Math.max(0, endsAt - performance.now()));
  await outage.end();
  await faults.undeafen();
  over();

  const accepting = await accepted;
  await attached;
  await accepter.attach(accepting);
  await Promise.all([
    late.terminal(undelivered),
    accepter.terminal(accepting),
    attacher.terminal(streaming),
    ...[claimed, streaming, alsoStreaming, finishing, queued].map((jobId) => client.terminal(jobId)),
  ]);
  const ids = { undelivered, claimed, streaming, finishing, queued, accepting };
  const jobs = Object.fromEntries(
    Object.entries(ids).map(([moment, jobId]) => {
      const { plan, prompt } = prompts[moment as Moment];
      return [moment, { jobId, prompt, text: planText(plan) }];
    }),
  ) as Met['jobs'];
  return { jobs, client };
}

/** Resolves when some worker says this of the job. */
export async function untilLogged(faults: FaultStack, jobId: string, event: LogEvent): Promise<void> {
  await Promise.any(
    faults.stack.workers.map((worker) =>
      worker.untilLog((line) => line.event === event && line.jobId === jobId),
    ),
  );
}

/** Asks again, as a client does that is told `retryable`. */
export async function untilDone<T>(ask: () => Promise<T>): Promise<T> {
  for (;;) {
    try {
      return await ask();
    } catch (error) {
      if (!(error as { retryable?: boolean }).retryable) throw error;
      await sleep(100);
    }
  }
}
