/** What the worker's tests share: a claude-api client that plays scripts, jobs in a log, and looks into that log. */
import type {
  ClaudeApiClient,
  ExecuteOptions,
  PauseAnswer,
  UpstreamCall,
  UpstreamEvent,
  UpstreamFailure,
  UpstreamOutcome,
  UpstreamRequest,
} from '@cc-executor/claude-api-client';
import { createVault, type JobSpec, type Secrets, type UsageBlock } from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
import { createEpoch, createJobId, type JobEvent } from '@cc-executor/protocol';
import type { Slot } from '@cc-executor/queue';
import { RedisUnavailableError } from '@cc-executor/redis';
import { createLogger } from '@cc-executor/runtime';
import { createMemoryJobLog, createMemoryUsageBlock, textsOf, type WholeLog } from '@cc-executor/testing';
import { createFlushWindow } from '../src/flush-window.ts';
import { createLeases } from '../src/leases.ts';
import type { OutputBounds } from '../src/log-writer.ts';
import { createWorkerMetrics } from '../src/metrics.ts';
import { type ProcessContext, processJob } from '../src/process-job.ts';

/** Whose the jobs are: to a worker it makes no difference. */
export const TENANT = 'tenant';

/** What gateways seal with. */
export const KEY = 'a-key-of-these-tests-that-is-long-enough';

/** Bounds that no test reaches unawares. */
export const PLENTY: OutputBounds = { maxOutputBytes: 1e9, maxBodyBytes: 1e9 };

export const silent = createLogger({ name: 'test', level: 'silent', format: 'json' });

/** A batch of events, something to wait for, or to do. A script without an `end` hangs until it is aborted. */
export type Step = UpstreamEvent[] | Promise<unknown> | (() => unknown);

type Call = {
  request: UpstreamRequest;
  options: ExecuteOptions;
  ended: boolean;
  /** What it was asked for: to pause, or to go on. */
  asked: boolean[];
};

type ScriptedClaudeApi = {
  client: ClaudeApiClient;
  calls: Call[];
  /** What it says that the tenant's is. */
  credential: string | null | undefined;
  /** Resolves when so many calls were begun. */
  untilCalled(count: number): Promise<Call>;
  /** How the next calls to `setPaused` are answered; default is `ok`. The script sends the events. */
  answerPause: (pause: boolean) => PauseAnswer | Promise<PauseAnswer>;
  /** A step that goes on when it was asked so often, over all calls, to pause or to go on. */
  whenAsked(count: number): () => Promise<unknown>;
};

/** Plays one script per call, the last one again and again; ends as aborted when its caller's signal says so. */
function scriptClaudeApi(...scripts: Step[][]): ScriptedClaudeApi {
  const calls: Call[] = [];
  const waiting = new Set<() => void>();
  const askedSoOften = (count: number) => calls.flatMap(({ asked }) => asked).length >= count;

  function until(holds: () => boolean): Promise<void> {
    return new Promise((resolve) => {
      const look = () => {
        if (!holds()) return;
        waiting.delete(look);
        resolve();
      };
      waiting.add(look);
      look();
    });
  }

  async function* play(script: Step[], call: Call): AsyncGenerator<UpstreamEvent[]> {
    const { signal } = call.options;
    const aborted = new Promise<'aborted'>((resolve) => {
      if (signal?.aborted) resolve('aborted');
      signal?.addEventListener('abort', () => resolve('aborted'), { once: true });
    });
    try {
      for (const step of [...script, new Promise(() => undefined)]) {
        if (signal?.aborted) break;
        if (Array.isArray(step)) {
          yield step;
          if (step.some(({ type }) => type === 'end')) return;
          continue;
        }
        const done = typeof step === 'function' ? step() : step;
        if ((await Promise.race([done, aborted])) === 'aborted') break;
      }
      yield [{ type: 'end', outcome: { status: 'aborted' } }];
    } finally {
      call.ended = true;
    }
  }

  const scripted: ScriptedClaudeApi = {
    calls,
    credential: null,
    answerPause: () => ({ ok: true }),
    whenAsked: (count) => () => until(() => askedSoOften(count)),
    client: {
      execute(request, options = {}) {
        const call: Call = { request, options, ended: false, asked: [] };
        calls.push(call);
        for (const look of waiting) look();
        const batches = play(scripts[Math.min(calls.length, scripts.length) - 1] ?? [], call);
        return asCall(batches, async (pause) => {
          call.asked.push(pause);
          for (const look of waiting) look();
          return scripted.answerPause(pause);
        });
      },
      survey: async () => ({ url: 'http://scripted', addresses: [] }),
      credential: async () => scripted.credential,
      files: () => Promise.reject(new Error('workers ask for no files')),
      diff: () => Promise.reject(new Error('workers ask for no diffs')),
      transcript: async () => ({ reason: 'demo_engine', message: 'scripted' }),
      async close() {
        // Nothing is open.
      },
    },
    async untilCalled(count) {
      await until(() => calls.length >= count);
      return calls[count - 1] as Call;
    },
  };
  return scripted;
}

/** A call as the client gives it: batches that can be paused. */
export function asCall(
  batches: AsyncIterable<UpstreamEvent[]>,
  setPaused: UpstreamCall['setPaused'] = async () => ({ ok: true }),
): UpstreamCall {
  return { [Symbol.asyncIterator]: () => batches[Symbol.asyncIterator](), setPaused };
}

export const started = { type: 'started', executionId: 'x', engine: 'claude' } as const;

export function text(piece: string, begin = false) {
  return { type: 'text', text: piece, begin } as const;
}

export const digest = { bytes: 5, sha256: 'abc' };

export const success: UpstreamEvent = {
  type: 'end',
  outcome: { status: 'completed', evidence: 'complete-line', text: 'Hello', digest },
};

export function end(outcome: UpstreamOutcome): UpstreamEvent[] {
  return [{ type: 'end', outcome }];
}

export function failure(code: UpstreamFailure['code'], more: Partial<UpstreamFailure> = {}): UpstreamFailure {
  return { status: 'failed', code, message: `it was ${code}`, sent: true, ...more };
}

export type Bench = {
  jobId: string;
  log: WholeLog;
  claudeApi: ScriptedClaudeApi;
  drain: AbortController;
  lockLost: AbortController;
  slot: Slot;
  /** Each change that the queue was told of: whether the job waits. */
  waits: boolean[];
  context: ProcessContext;
  /** Takes the job as the queue would hand it over. */
  process(): ReturnType<typeof processJob>;
  events(): Promise<JobEvent[]>;
  types(): Promise<string[]>;
  close(): void;
};

/** One job in a log (in memory by default), and a worker for it. */
export async function createBench({
  scripts,
  spec = {},
  totalMs = 60_000,
  queueMs = 60_000,
  leaseMs = 60_000,
  canWait = true,
  log = createMemoryJobLog().log,
  bounds = PLENTY,
  secrets,
  keys = [KEY],
  usageBlock = createMemoryUsageBlock(),
  tenant = TENANT,
}: {
  scripts: Step[][];
  spec?: Partial<JobSpec>;
  totalMs?: number;
  queueMs?: number;
  leaseMs?: number;
  /** Whether it may wait without a slot. */
  canWait?: boolean;
  log?: WholeLog;
  bounds?: OutputBounds;
  /** The job's, which a gateway sealed with `KEY`. */
  secrets?: Secrets;
  /** The worker's. */
  keys?: readonly string[];
  usageBlock?: UsageBlock;
  tenant?: string;
}): Promise<Bench> {
  const jobId = createJobId();
  const sealed = secrets && { sealed: createVault([KEY]).seal(secrets, jobId) };
  const whole: JobSpec = { prompt: 'say hello', ...spec, ...sealed };
  await log.create({
    jobId,
    epoch: createEpoch(),
    tenant,
    spec: whole,
    queueMs,
    totalMs,
    retry: whole.retry ?? 'safe',
  });
  const claudeApi = scriptClaudeApi(...scripts);
  const leases = createLeases({ log, leaseMs, logger: silent });
  const drain = new AbortController();
  const lockLost = new AbortController();
  const waits: boolean[] = [];
  const slot: Slot = {
    lockLost: lockLost.signal,
    canWait: () => canWait,
    setWaiting(waiting) {
      if (waiting !== (waits.at(-1) ?? false)) waits.push(waiting);
    },
  };
  const context: ProcessContext = {
    log,
    claudeApi: claudeApi.client,
    usageBlock,
    leases,
    vault: keys.length > 0 ? createVault(keys) : undefined,
    leaseMs,
    metrics: createWorkerMetrics(createMetrics({ role: 'worker', version: 'test', isOn: false }), {
      slots: 1,
      maxWaiting: 1,
      load: () => ({ running: 0, waiting: 0 }),
      isTaking: () => true,
      ping: async () => 'PONG',
    }),
    bounds,
    flushWindow: createFlushWindow(),
    logger: silent,
    drain: drain.signal,
  };
  const events = async () => {
    const page = await log.range(tenant, jobId, { afterSeq: 0, maxEvents: 100_000, maxBytes: 1e8 });
    return textsOf(page).map((event) => JSON.parse(event) as JobEvent);
  };
  return {
    jobId,
    log,
    claudeApi,
    drain,
    lockLost,
    slot,
    waits,
    context,
    process: () => processJob(context, jobId, slot),
    events,
    types: async () => (await events()).map(({ type }) => type),
    close: leases.close,
  };
}

/** What the job log throws while Redis does not answer. */
export function away(): RedisUnavailableError {
  return new RedisUnavailableError('away', new Error('no connection'));
}

/** What it throws for output while Redis is full. */
export function full(): RedisUnavailableError {
  return new RedisUnavailableError('memory_full', new Error('OOM'));
}

/** A log whose answers get lost: what was asked is done, and the asker is told that nobody answered. */
export function losingAnswers(log: WholeLog, isLost: (call: number) => boolean): WholeLog {
  let calls = 0;
  const lossy =
    <A extends unknown[], R>(ask: (...args: A) => Promise<R>) =>
    async (...args: A): Promise<R> => {
      calls += 1;
      const lost = isLost(calls);
      const answer = await ask(...args);
      if (lost) throw away();
      return answer;
    };
  return {
    ...log,
    begin: lossy(log.begin),
    append: lossy(log.append),
    renew: lossy(log.renew),
    release: lossy(log.release),
  };
}

/** Polls for what no signal tells; the test's own time limit bounds it. */
export async function untilTrue(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
