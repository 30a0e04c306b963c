/** What a gateway counts. All of it is per connection, request, heartbeat or sweep; nothing is per event. */
import type { UsageBlock } from '@cc-executor/job-log';
import {
  type Counter,
  type Gauge,
  type Histogram,
  type Metrics,
  showGauge,
  watchRedis,
} from '@cc-executor/metrics';
import { closeCodes, type TerminalStatus, terminalStatuses } from '@cc-executor/protocol';
import type { QueueDepth } from '@cc-executor/queue';
import { percentOf, type RoomWatch } from '@cc-executor/redis';
import type { MemoryBudget } from './doors/memory-budget.ts';

export type DoorName = 'native' | 'dialect' | 'http';

/** What was done for a job: the sweeper ended it with this status or requeued it, or the queue check enqueued it. */
type SweepResult = TerminalStatus | 'enqueued' | 'requeued';

export type GatewayMetrics = {
  connections: Gauge<'door'>;
  connectionsOpened: Counter<'door'>;
  connectionsClosed: Counter<'reason'>;
  jobsAccepted: Counter;
  requests: Counter<'door' | 'method' | 'outcome'>;
  rereads: Counter;
  deliveryLag: Histogram;
  degraded: Gauge;
  sweeperJobs: Counter<'result'>;
  sweepFailures: Counter;
  webhookAttempts: Counter<'outcome'>;
  webhooks: Counter<'result'>;
  /** From now on the attachments are counted at each scrape. */
  watchAttachments(count: () => number): void;
  /** From now on what connections hold, and what of it waits to be sent, is counted at each scrape. */
  watchMemory(memory: Pick<MemoryBudget, 'heldBytes' | 'waiting'>): void;
  /** With what every service has: all that is shown. */
  all: Metrics;
};

const LAG_SECONDS = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 1, 5, 30];
const doors: readonly DoorName[] = ['native', 'dialect', 'http'];
const sweepResults: readonly SweepResult[] = [...terminalStatuses, 'enqueued', 'requeued'];

/** Registers the metrics of a gateway's own work. */
export function createGatewayMetrics(metrics: Metrics): GatewayMetrics {
  let attachments = () => 0;
  let memory: Pick<MemoryBudget, 'heldBytes' | 'waiting'> | undefined;
  const own: GatewayMetrics = {
    connections: metrics.gauge({
      name: 'cc_executor_gateway_connections',
      help: 'Open connections; of the door `http`, streams of events.',
      labels: ['door'],
    }),
    connectionsOpened: metrics.counter({
      name: 'cc_executor_gateway_connections_opened_total',
      help: 'Connections that were opened.',
      labels: ['door'],
    }),
    connectionsClosed: metrics.counter({
      name: 'cc_executor_gateway_connections_closed_total',
      help: "Connections that ended: the gateway's close reason, `client` when the client went, or `ended` when a stream came to its end.",
      labels: ['reason'],
    }),
    jobsAccepted: metrics.counter({
      name: 'cc_executor_gateway_jobs_accepted_total',
      help: 'Jobs that were accepted; an `execute` that found its job there is not counted.',
    }),
    requests: metrics.counter({
      name: 'cc_executor_gateway_requests_total',
      help: 'Requests by outcome: `ok` or the error code. Method `none`: a frame or an HTTP request that could not be read.',
      labels: ['door', 'method', 'outcome'],
    }),
    rereads: metrics.counter({
      name: 'cc_executor_gateway_rereads_total',
      help: 'Attachments that a position check found behind their log and that were read on from it.',
    }),
    deliveryLag: metrics.histogram({
      name: 'cc_executor_gateway_delivery_lag_seconds',
      help: 'From when events were appended to the log of a job until they were written to somebody who listened by then; of each batch the first.',
      buckets: LAG_SECONDS,
    }),
    degraded: metrics.gauge({
      name: 'cc_executor_gateway_degraded',
      help: '1 while clients are told that Redis cannot be read, has no room, or takes no writes.',
    }),
    sweeperJobs: metrics.counter({
      name: 'cc_executor_gateway_sweeper_jobs_total',
      help: 'Jobs that the sweeper ended (by status; `failed` is `worker_lost`) or requeued, or that the queue check enqueued.',
      labels: ['result'],
    }),
    sweepFailures: metrics.counter({
      name: 'cc_executor_gateway_sweep_failures_total',
      help: 'Sweeps that failed, because Redis did not answer.',
    }),
    webhookAttempts: metrics.counter({
      name: 'cc_executor_gateway_webhook_attempts_total',
      help: 'Attempts to deliver a webhook: `delivered` (2xx), `refused` (another answer), `unreachable` (none, or the target is not allowed).',
      labels: ['outcome'],
    }),
    webhooks: metrics.counter({
      name: 'cc_executor_gateway_webhooks_total',
      help: 'Webhooks that are no longer sent: `delivered`, `failed` (given up), or `expired` (their job could no longer be read).',
      labels: ['result'],
    }),
    watchAttachments(count) {
      attachments = count;
    },
    watchMemory(budget) {
      memory = budget;
    },
    all: metrics,
  };
  metrics.gauge({
    name: 'cc_executor_gateway_attachments',
    help: 'Attachments of all connections.',
    read: () => attachments(),
  });
  metrics.gauge({
    name: 'cc_executor_gateway_held_bytes',
    help: 'Memory that connections hold: incomplete frames, requests under way, what waits to be sent.',
    read: () => memory?.heldBytes() ?? 0,
  });
  metrics.gauge({
    name: 'cc_executor_gateway_send_buffer_bytes',
    help: 'What waits to be sent, of all connections together; what several wait for counts for each.',
    read: () => memory?.waiting().allBytes ?? 0,
  });
  metrics.gauge({
    name: 'cc_executor_gateway_send_buffer_largest_bytes',
    help: 'What waits to be sent to the connection for which most does.',
    read: () => memory?.waiting().mostBytes ?? 0,
  });
  // A series that begins when the first one happens hides that one from `rate`.
  for (const door of doors) {
    own.connections.set({ door }, 0);
    own.connectionsOpened.inc({ door }, 0);
  }
  for (const reason of [...Object.keys(closeCodes), 'client', 'ended'])
    own.connectionsClosed.inc({ reason }, 0);
  for (const result of sweepResults) own.sweeperJobs.inc({ result }, 0);
  for (const outcome of ['delivered', 'refused', 'unreachable']) own.webhookAttempts.inc({ outcome }, 0);
  for (const result of ['delivered', 'failed', 'expired']) own.webhooks.inc({ result }, 0);
  return own;
}

/** Registers whether the file of keys, as it is now, is in use. */
export function watchKeys(metrics: Metrics, { fault }: { fault(): string | undefined }): void {
  metrics.gauge({
    name: 'cc_executor_gateway_keys_faulty',
    help: '1 while the file of keys cannot be used, and the keys are those of before.',
    read: () => (fault() === undefined ? 0 : 1),
  });
}

export type SharedState = {
  ping(): Promise<unknown>;
  queueDepth(): Promise<QueueDepth>;
  /** Unfinished jobs in the sweeper's index. */
  dueJobs(): Promise<number>;
  roomWatch: Pick<RoomWatch, 'room' | 'memory'>;
  usageBlock: Pick<UsageBlock, 'read'>;
};

/** Registers what all gateways see alike: what stands in Redis. It is read at each scrape. */
export function watchSharedState(
  metrics: Metrics,
  { ping, queueDepth, dueJobs, roomWatch, usageBlock }: SharedState,
): void {
  watchRedis(metrics, ping);
  const queueJobs = metrics.gauge({
    name: 'cc_executor_queue_jobs',
    help: 'Jobs by state, the same from every gateway: `waiting` (in lines, and for the worker that is about to take them), `active`, `delayed` (for a usage limit).',
    labels: ['state'],
  });
  const oldest = metrics.gauge({
    name: 'cc_executor_queue_oldest_waiting_seconds',
    help: 'For how long the job that came first has waited; 0 when none waits.',
  });
  const due = metrics.gauge({
    name: 'cc_executor_unfinished_jobs',
    help: "Jobs in the sweeper's index: all that are not known to have ended.",
  });
  metrics.gauge({
    name: 'cc_executor_redis_full',
    help: '1 while new jobs are refused, because Redis has no room: `REDIS_FULL_PERCENT` of its memory is used, or its disk is full.',
    read: () => (['memory_full', 'disk_full'].includes(roomWatch.room()) ? 1 : 0),
  });
  const used = metrics.gauge({
    name: 'cc_executor_redis_memory_used_ratio',
    help: "How much of Redis's `maxmemory` is used, from 0 to 1 and a little beyond; absent without a limit.",
  });
  metrics.atScrape(
    async () => roomWatch.memory(),
    (memory) => showGauge(used, memory && percentOf(memory) / 100),
  );
  metrics.atScrape(queueDepth, (depth) => {
    queueJobs.reset();
    if (depth) {
      queueJobs.set({ state: 'waiting' }, depth.waiting);
      queueJobs.set({ state: 'active' }, depth.active);
      queueJobs.set({ state: 'delayed' }, depth.delayed);
    }
    showGauge(oldest, depth && depth.oldestWaitingMs / 1_000);
  });
  const blocked = metrics.gauge({
    name: 'cc_executor_usage_limit_reset_timestamp_seconds',
    help: 'Unix time until which a usage limit keeps jobs from the model: all, where `model` is empty, or those of one family of models. 0 when none does. In the past: one job is to try. `credential` names a credential that a tenant has of its own.',
    labels: ['model', 'credential'],
  });
  metrics.atScrape(usageBlock.read, (limits) => {
    blocked.reset();
    // Nothing is a known answer, too.
    if (limits) blocked.set({ model: '' }, 0);
    for (const { model = '', credential, resetsAt } of limits ?? [])
      blocked.set({ model, ...(credential && { credential }) }, resetsAt / 1_000);
  });
  metrics.atScrape(dueJobs, (count) => showGauge(due, count));
}
