/**
 * A stack under faults: short leases, an upstream that records its calls, proxies in front of what can be cut off,
 * clients that record all they see, and at the end one check of the whole history.
 */
import { randomBytes } from 'node:crypto';
import { createKeys } from '@cc-executor/job-log';
import {
  checkHistory,
  createHistoryRecorder,
  type FaultProxy,
  type History,
  type HistoryRecorder,
  type Plan,
  planPrompt,
  type RecordingUpstream,
  type ServiceProcess,
  type Stack,
  startFaultProxy,
  startRecordingUpstream,
  startStack,
  startTestRedis,
  type TestRedis,
  type TestSentinels,
  type Violation,
} from '@cc-executor/testing';
import { findLeftovers, readStoredJobs } from './final-state.ts';
import { openRecordingClient, type RecordingClient } from './recording-client.ts';

/** Short, so that a test takes seconds; every duration scales with them. */
export const LEASE_MS = 1_500;
export const HEARTBEAT_MS = 500;

export type FaultStack = {
  stack: Stack;
  redis: TestRedis;
  upstream: RecordingUpstream;
  recorder: HistoryRecorder;
  /** Between the gateways and Redis, the workers and Redis, the workers and upstream. */
  proxies: { gatewayRedis: FaultProxy; workerRedis: FaultProxy; upstream: FaultProxy };
  startGateway(env?: Record<string, string>): Promise<ServiceProcess>;
  startWorker(env?: Record<string, string>): Promise<ServiceProcess>;
  /** Starts anew each gateway that is gone, in its place, and as many workers as are missing; forgets who is gone. */
  revive(): Promise<void>;
  /** A client of the n-th gateway. */
  client(gateway?: number): Promise<RecordingClient>;
  /** Closes all clients so far. */
  closeClients(): void;
  /** A plan with a fresh nonce, and its prompt. */
  plan(parts?: Partial<Omit<Plan, 'nonce'>>): { plan: Plan; prompt: string };
  /**
   * Waits until every job has ended and upstream is idle, then takes the history and checks it.
   * @param options.terminalMs how late a terminal event may be; default is what a lease and heartbeats may cost
   */
  check(options?: {
    quiet?: boolean;
    terminalMs?: number;
  }): Promise<{ history: History; violations: Violation[] }>;
  /** Idempotent. */
  close(): Promise<void>;
};

export type FaultStackOptions = {
  gateways?: number;
  workers?: number;
  env?: Record<string, string>;
  /**
   * All that Redis has answered is on disk, so that it survives each restart: with `everysec` it answers before it has written,
   * for up to two seconds, while an earlier fsync is under way.
   */
  appendonly?: boolean;
  /** Redis is what these watch over, without a proxy between; closed with the stack. */
  sentinels?: TestSentinels;
  /** No proxies between, for tests that cut nothing off: every byte through them costs. */
  direct?: boolean;
  /** Where apps/ and libs/ of the gateways or workers are; default is this repository. Each ends in a slash. */
  roots?: { gateway?: URL; worker?: URL };
};

export async function startFaultStack(options: FaultStackOptions = {}): Promise<FaultStack> {
  const { sentinels, direct = false } = options;
  const redis = sentinels
    ? behindSentinels(sentinels)
    : await startTestRedis(options.appendonly ? { appendonly: true, appendfsync: 'always' } : {});
  const upstream = await startRecordingUpstream();
  const proxies = {
    gatewayRedis: await startFaultProxy({ target: { port: redis.port }, protocol: 'redis' }),
    workerRedis: await startFaultProxy({ target: { port: redis.port }, protocol: 'redis' }),
    upstream: await startFaultProxy({ target: { port: upstream.port } }),
  };
  const recorder = createHistoryRecorder();
  const clients: RecordingClient[] = [];
  const stack = await startStack({
    redis,
    gateways: 0,
    workers: 0,
    ...(options.roots ? { roots: options.roots } : {}),
    upstream: { url: direct ? upstream.url : proxies.upstream.url('http') },
    env: {
      JOB_LEASE_MS: `${LEASE_MS}`,
      GATEWAY_HEARTBEAT_MS: `${HEARTBEAT_MS}`,
      GATEWAY_SWEEP_MS: '250',
      GATEWAY_DRAIN_GRACE_MS: '500',
      GATEWAY_ABANDON_GRACE_MS: '1000',
      WORKER_DRAIN_GRACE_MS: '2000',
      WORKER_CONNECT_TIMEOUT_MS: '1000',
      ...options.env,
    },
  });

  const redisUrl = (proxy: FaultProxy) => sentinels?.url ?? (direct ? redis.url : proxy.url());
  const environments = new Map<ServiceProcess, Record<string, string>>();
  const gone = new Set<ServiceProcess>();
  async function startGateway(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const gateway = await stack.startGateway({ REDIS_URL: redisUrl(proxies.gatewayRedis), ...env });
    environments.set(gateway, env);
    void gateway.exited.then(() => gone.add(gateway));
    return gateway;
  }
  async function startWorker(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const worker = await stack.startWorker({ REDIS_URL: redisUrl(proxies.workerRedis), ...env });
    void worker.exited.then(() => gone.add(worker));
    return worker;
  }
  const startWorkers = (count: number) => Array.from({ length: count }, () => startWorker());
  await Promise.all([
    ...Array.from({ length: options.gateways ?? 1 }, () => startGateway()),
    ...startWorkers(options.workers ?? 1),
  ]);

  async function revive(): Promise<void> {
    const { gateways, workers } = stack;
    workers.splice(0, workers.length, ...workers.filter((worker) => !gone.has(worker)));
    await Promise.all([
      ...gateways.map(async (gateway, place) => {
        if (!gone.has(gateway)) return;
        const fresh = await startGateway(environments.get(gateway));
        gateways.splice(gateways.indexOf(fresh), 1);
        gateways[place] = fresh;
      }),
      ...startWorkers(Math.max(0, (options.workers ?? 1) - workers.length)),
    ]);
  }

  async function client(gateway = 0): Promise<RecordingClient> {
    const opened = await openRecordingClient(stack.url(gateway), `gateway-${gateway}`, recorder);
    clients.push(opened);
    return opened;
  }

  function plan(parts: Partial<Omit<Plan, 'nonce'>> = {}) {
    const made: Plan = {
      nonce: randomBytes(6).toString('hex'),
      chunks: 20,
      paceMs: 20,
      ends: ['complete'],
      ...parts,
    };
    return { plan: made, prompt: planPrompt(made) };
  }

  // A listener may have to wait for a lease, the patience after an outage, and a heartbeat.
  async function check({ quiet = true, terminalMs = 4 * LEASE_MS + 2 * HEARTBEAT_MS } = {}) {
    await upstream.untilIdle();
    const keys = createKeys('cce');
    const stored = await readStoredJobs(redis.admin, keys, recorder.jobIds());
    const leftovers = quiet ? await findLeftovers(redis, keys, recorder.jobIds()) : {};
    const bounds = { terminalMs, upstreamMs: 2 * LEASE_MS };
    const history = recorder.finish({ calls: upstream.calls(), stored, leftovers });
    return { history, violations: checkHistory(history, { bounds }) };
  }

  function closeClients(): void {
    for (const opened of clients.splice(0)) opened.close();
  }

  let closing: Promise<void> | undefined;
  async function close(): Promise<void> {
    closeClients();
    await stack.close();
    await Promise.all(Object.values(proxies).map((proxy) => proxy.close()));
    await upstream.close();
    await redis.close();
  }

  return {
    stack,
    redis,
    upstream,
    recorder,
    proxies,
    startGateway,
    startWorker,
    revive,
    client,
    closeClients,
    plan,
    check,
    close() {
      closing ??= close();
      return closing;
    },
  };
}

/** What looks behind the scenes looks at whoever is the master. */
function behindSentinels({ servers: [first], url, admin, close }: TestSentinels): TestRedis {
  return { ...first, url, admin, close };
}
