/** What a worker counts. All of it is per attempt, upstream call or batch of events; nothing is per event. */
import { type Counter, type Histogram, type Metrics, watchRedis } from '@cc-executor/metrics';
import { modelUsesOf, type TerminalBody, terminalStatuses, tokenKinds } from '@cc-executor/protocol';
import type { Load, Processed } from '@cc-executor/queue';

export type WorkerMetrics = {
  attemptsEnded: Counter<'outcome' | 'code'>;
  attemptDuration: Histogram<'outcome'>;
  firstOutput: Histogram;
  firstOutputParts: Histogram<'cause'>;
  cost: Counter<'model'>;
  tokens: Counter<'kind' | 'model'>;
  /** Those that have series of their own. */
  models: Set<string>;
  upstreamRetries: Counter<'reason'>;
  appendDuration: Histogram;
  appendEvents: Histogram;
  redisUnanswered: Counter<'call'>;
};

/** Statuses of attempts that wrote a terminal event, which is where these are counted. */
const terminal = new Set<string>(terminalStatuses);
/** Statuses of attempts that left the job to others; what is none of all these did not begin. */
const left: Record<string, string> = { lost: 'lost', 'handed back': 'handed_back' };
const redisCalls = ['begin', 'append', 'renew', 'release'] as const;

/** Up to a job's longest common life; Claude Code takes seconds to minutes. */
const ATTEMPT_SECONDS = [0.5, 1, 2.5, 5, 10, 30, 60, 120, 300, 600, 1_800, 3_600];
const FIRST_OUTPUT_SECONDS = [0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20, 40, 60, 120, 180];
const APPEND_SECONDS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5];
const BATCH_EVENTS = [1, 2, 5, 10, 25, 50, 100, 250, 512];

/** Registers the metrics of a worker. */
export function createWorkerMetrics(
  metrics: Metrics,
  {
    slots,
    maxWaiting,
    load,
    isTaking,
    ping,
  }: {
    slots: number;
    maxWaiting: number;
    load(): Load;
    isTaking(): boolean;
    ping(): Promise<unknown>;
  },
): WorkerMetrics {
  watchRedis(metrics, ping);
  metrics.gauge({
    name: 'cc_executor_worker_slots',
    help: 'How many jobs it runs at once, at most.',
    read: () => slots,
  });
  metrics.gauge({
    name: 'cc_executor_worker_slots_busy',
    help: 'Slots with a job in them. For a while there can be more than there are slots: jobs that go on after they waited.',
    read: () => load().running,
  });
  metrics.gauge({
    name: 'cc_executor_worker_waiting',
    help: 'Jobs that wait, paused or for another try, and hold no slot.',
    read: () => load().waiting,
  });
  metrics.gauge({
    name: 'cc_executor_worker_waiting_limit',
    help: 'How many jobs may wait without a slot.',
    read: () => maxWaiting,
  });
  metrics.gauge({
    name: 'cc_executor_worker_taking',
    help: '1 while its take-loop runs and takes jobs when some wait.',
    read: () => (isTaking() ? 1 : 0),
  });
  const own: WorkerMetrics = {
    attemptsEnded: metrics.counter({
      name: 'cc_executor_worker_attempts_ended_total',
      help: "Attempts by outcome: the terminal status, `lost` (the job was no longer this attempt's), `handed_back` (a drain, or a usage limit), or `not_begun` (nothing to do). `code` is the failure code, the limit or who cancelled.",
      labels: ['outcome', 'code'],
    }),
    attemptDuration: metrics.histogram({
      name: 'cc_executor_worker_attempt_duration_seconds',
      help: 'From taking a job to having written its end.',
      labels: ['outcome'],
      buckets: ATTEMPT_SECONDS,
    }),
    firstOutput: metrics.histogram({
      name: 'cc_executor_worker_first_output_seconds',
      help: 'From taking a job to its first output.',
      buckets: FIRST_OUTPUT_SECONDS,
    }),
    firstOutputParts: metrics.histogram({
      name: 'cc_executor_worker_first_output_part_seconds',
      help: 'What a first output waited for: `queue` (a worker), `retries` (calls of claude-api that came to nothing, a usage limit), `start` (Claude Code), `answer` (the model, and what it does before it says something).',
      labels: ['cause'],
      buckets: FIRST_OUTPUT_SECONDS,
    }),
    cost: metrics.counter({
      name: 'cc_executor_worker_cost_usd_total',
      help: 'What ended jobs cost by the list prices that Claude Code knows, by model; `model` is empty where it is not known which. After the fifteenth they are `others`.',
      labels: ['model'],
    }),
    tokens: metrics.counter({
      name: 'cc_executor_worker_tokens_total',
      help: 'Tokens of ended jobs by model, as above, and kind: `input`, `output`, `cache_read`, `cache_creation`.',
      labels: ['kind', 'model'],
    }),
    models: new Set(),
    upstreamRetries: metrics.counter({
      name: 'cc_executor_worker_upstream_retries_total',
      help: 'Calls of claude-api that are tried again, by what ended the one before.',
      labels: ['reason'],
    }),
    appendDuration: metrics.histogram({
      name: 'cc_executor_worker_append_duration_seconds',
      help: 'How long Redis took to take a batch of events.',
      buckets: APPEND_SECONDS,
    }),
    appendEvents: metrics.histogram({
      name: 'cc_executor_worker_append_events',
      help: 'Events per batch. Their sum is all events written.',
      buckets: BATCH_EVENTS,
    }),
    redisUnanswered: metrics.counter({
      name: 'cc_executor_worker_redis_unanswered_total',
      help: 'Calls that Redis did not answer and that were repeated.',
      labels: ['call'],
    }),
  };
  // A series that begins when the first one happens hides that one from `rate`.
  own.attemptsEnded.inc({ outcome: 'completed', code: '' }, 0);
  own.attemptsEnded.inc({ outcome: 'lost', code: '' }, 0);
  for (const code of ['claude_auth', 'claude_credit']) own.attemptsEnded.inc({ outcome: 'failed', code }, 0);
  for (const call of redisCalls) own.redisUnanswered.inc({ call }, 0);
  return own;
}

/** What a terminal event says besides its status: the failure's code, the limit, or who cancelled. */
export function codeOf(event: TerminalBody): string {
  switch (event.type) {
    case 'failed':
      return event.error.code;
    case 'timed_out':
      return event.limit;
    case 'cancelled':
      return event.by;
    case 'completed':
      return '';
  }
}

/** So many models have a series of their own: upstream names them. */
const MAX_MODELS = 15;

/** Counts what a job took that has ended. */
export function countUse(
  { cost, tokens, models }: Pick<WorkerMetrics, 'cost' | 'tokens' | 'models'>,
  event: TerminalBody,
): void {
  for (const { model, costUsd, tokens: used } of modelUsesOf(event)) {
    if (models.size < MAX_MODELS) models.add(model);
    const label = models.has(model) ? model : 'others';
    cost.inc({ model: label }, costUsd);
    for (const kind of tokenKinds) tokens.inc({ kind, model: label }, used[kind]);
  }
}

/** Runs an attempt; measures it, and counts it unless it wrote a terminal event. */
export async function measureAttempt(
  metrics: Pick<WorkerMetrics, 'attemptsEnded' | 'attemptDuration'>,
  attempt: () => Promise<Processed>,
): Promise<Processed> {
  const takenAt = performance.now();
  const processed = await attempt();
  const { status } = processed;
  const outcome = terminal.has(status) ? status : (left[status] ?? 'not_begun');
  if (!terminal.has(status)) metrics.attemptsEnded.inc({ outcome, code: '' });
  if (outcome !== 'not_begun') {
    metrics.attemptDuration.observe({ outcome }, (performance.now() - takenAt) / 1_000);
  }
  return processed;
}
