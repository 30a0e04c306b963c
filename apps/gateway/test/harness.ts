/**
 * Gateways in this process over a real Redis and real sockets; the test plays the worker. `close()` of a rig ends
 * everything that it opened and checks that nothing of it is left in Redis's connections and channels.
 */

import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import type { Grants } from '@cc-executor/claude-options';
import {
  createKeys,
  createRedisCounts,
  createRedisFeed,
  createRedisJobBatches,
  createRedisLedger,
  createRedisSweep,
  createRedisWebhookLog,
  createVault,
  type JobFeed,
  type JobSweep,
  type Keys,
} from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
import { createEpoch, createJobId, type EventBody, type TerminalBody } from '@cc-executor/protocol';
import { createProducer, endOfLine, type Producer } from '@cc-executor/queue';
import {
  closeRedis,
  createReplication,
  keepsOrder,
  measureClock,
  openRedis,
  type RedisConnection,
  untilConnected,
  watchRoom,
} from '@cc-executor/redis';
import { createLogger } from '@cc-executor/runtime';
import { createTargetRules } from '@cc-executor/runtime/targets';
import { createHealth } from '@cc-executor/service';
import { createTranscriptRequests } from '@cc-executor/signals';
import {
  connectWire,
  createRedisWholeLog,
  startTestRedis,
  type TestRedis,
  uniquePrefix,
  type WholeLog,
  type WireClient,
} from '@cc-executor/testing';
import { afterAll, afterEach, beforeAll, beforeEach } from 'vitest';
import { type AbandonWatch, createAbandonWatch } from '../src/chores/abandon-watch.ts';
import { loadGatewayConfig } from '../src/config.ts';
import { createAuthenticator, type TokenCheck } from '../src/identity/authenticator.ts';
import { createSigner } from '../src/identity/signer.ts';
import { createTickets } from '../src/identity/tickets.ts';
import { leaveWhenCancelled } from '../src/lines.ts';
import { createListenerNotes } from '../src/listening/listener-notes.ts';
import { createGatewayMetrics } from '../src/metrics.ts';
import { type Ceilings, ceilingsOf } from '../src/operations/ceilings.ts';
import { createFiles } from '../src/operations/files.ts';
import { createOperations } from '../src/operations/index.ts';
import { createCeilingsFor } from '../src/operations/own-ceilings.ts';
import { createHolders } from '../src/quotas/holders.ts';
import type { Quotas } from '../src/quotas/settings.ts';
import { type Gateway, type GatewayOptions, startGateway } from '../src/server.ts';
import { openCrowd } from './fixtures/crowd.ts';
import { operatorsOfWebhooks, secretsOf } from './fixtures/webhook-secrets.ts';

/** As gateways and workers share it. */
const SECRET = 'a-key-of-these-tests-that-is-long-enough';
export const vault = createVault([SECRET]);

export const silent = createLogger({ name: 'test', level: 'silent', format: 'json' });

/** Whose every session is. */
export const TENANT = 'default';

/** The defaults: what the protocol allows. */
export const noCeilings = ceilingsOf(loadGatewayConfig({}));
export const noGrants: Grants = { allowSystemPrompt: false, requestSettings: [], sources: [] };

const noFleet = () => Promise.reject(new Error('there is no fleet in these tests'));
const noFiles = createFiles({ claudeApi: undefined });

export const freshMetrics = () =>
  createGatewayMetrics(createMetrics({ role: 'gateway', version: 'test', isOn: false }));

export type TestGateway = Gateway & {
  url: string;
  dialectUrl: string;
  /** Its command connection, and its log, feed, producer and watch on it. */
  redis: RedisConnection;
  log: WholeLog;
  feed: JobFeed;
  producer: Producer;
  abandonWatch: AbandonWatch;
};

type GatewayOverrides = Partial<Omit<GatewayOptions, 'ceilings'>> & {
  commandTimeoutMs?: number;
  abandonGraceMs?: number;
  /** Those that are not the defaults. */
  ceilings?: Partial<Ceilings>;
  /** Of tenants for which nothing else is said. */
  quotas?: Quotas;
  grants?: Grants;
  showTitles?: boolean;
  /** Undefined: nobody is asked who they are. */
  keyring?: TokenCheck;
  /** Makes `execute` wait for a replica, so long. */
  replicaMs?: number;
  /** Wraps the gateway's log, to lose or delay what it asks. */
  wrapLog?: (log: WholeLog) => WholeLog;
  /** Wraps its look at who listens. */
  wrapCount?: (count: JobSweep['countListeners']) => JobSweep['countListeners'];
};

export type Rig = {
  keys: Keys;
  keyPrefix: string;
  /** The job log as a worker has it. */
  log: WholeLog;
  countListeners: JobSweep['countListeners'];
  gateway(overrides?: GatewayOverrides): Promise<TestGateway>;
  /** Connects to the native door and waits for `connected`; closed with the rig. */
  connect(gateway: TestGateway): Promise<WireClient>;
  dialect(gateway: TestGateway): Promise<WireClient>;
  /** A job in the log that no gateway accepted. */
  createJob(jobId?: string): Promise<string>;
  /** Takes a job out of the queue, as if it had never come there. */
  loseEntry(jobId: string): Promise<void>;
  close(): Promise<void>;
};

/** Gives a file of tests one Redis, and each of them a rig of its own. */
export function provideRig(take: (rig: Rig, server: TestRedis) => void): void {
  let server: TestRedis;
  let rig: Rig;
  beforeAll(async () => {
    server = await startTestRedis();
  });
  afterAll(() => server.close());
  beforeEach(async () => {
    rig = await createRig(server);
    take(rig, server);
  });
  afterEach(() => rig.close());
}

/** @param options.retentionMs how long ended jobs are kept, in ms */
export async function createRig(server: TestRedis, { retentionMs = 60_000 } = {}): Promise<Rig> {
  const keyPrefix = uniquePrefix();
  const keys = createKeys(keyPrefix);
  const gateways: (() => Promise<void>)[] = [];
  const clients: WireClient[] = [];
  const open = (role: 'patient' | 'impatient' | 'subscriber', commandTimeoutMs?: number) =>
    openRedis(server.url, {
      name: `${keyPrefix}:${role}`,
      role,
      ...(commandTimeoutMs === undefined ? {} : { commandTimeoutMs }),
      onError: () => {
        // Tests take Redis away; what the gateway makes of that is what they look at.
      },
    });
  const workerRedis = open('patient');
  const log = createRedisWholeLog({ redis: workerRedis, keys, retentionMs });

  async function gateway(options: GatewayOverrides = {}) {
    const {
      commandTimeoutMs,
      replicaMs,
      wrapLog,
      wrapCount,
      keyring,
      abandonGraceMs = 60_000,
      metrics = freshMetrics(),
      ceilings: lowered,
      quotas = {},
      grants = noGrants,
      showTitles = true,
      ...overrides
    } = options;
    const redis = open('impatient', commandTimeoutMs);
    const subscriber = open('subscriber');
    await Promise.all([once(redis, 'ready'), once(subscriber, 'ready')]);
    const producer = createProducer({
      redis,
      keyPrefix,
      onError: () => {
        // As above.
      },
    });
    const lineOf = (tenant: string, priority: number) => endOfLine(keyPrefix, tenant, priority);
    const wholeLog = createRedisWholeLog({ redis, keys, retentionMs, lineOf });
    const ownLog = { ...wholeLog, ...leaveWhenCancelled(wholeLog, { producer, logger: silent }) };
    const gatewayLog = wrapLog?.(ownLog) ?? ownLog;
    const { countListeners } = createRedisSweep({ redis, keys, retentionMs });
    const feed = createRedisFeed({ redis: subscriber, keys });
    const jobBatches = createRedisJobBatches({ redis, keys, retentionMs });
    const abandonWatch = createAbandonWatch({
      readLog: gatewayLog,
      wishLog: gatewayLog,
      countListeners: wrapCount?.(countListeners) ?? countListeners,
      graceMs: abandonGraceMs,
      logger: silent,
    });
    const ceilings = { ...noCeilings, ...lowered };
    const services = overrides.services ?? noFleet;
    const listenerNotes = createListenerNotes({ listenLog: gatewayLog, logger: silent });
    const tickets = createTickets({ redis, keyPrefix, signer: createSigner([SECRET]) });
    const roomWatch = overrides.roomWatch ?? watchRoom(redis, { fullPercent: 90, everyMs: 50 });
    const authenticator = createAuthenticator(keyring, tickets);
    const holdersOf = createHolders(authenticator, quotas);
    const { crowd, places } = openCrowd({ redis, keys, holdersOf });
    const started = await startGateway({
      ceilingsFor: createCeilingsFor(ceilings, holdersOf),
      host: '127.0.0.1',
      port: 0,
      heartbeatMs: 60_000,
      drainGraceMs: 50,
      allowedHosts: [],
      allowedOrigins: [],
      trustedProxies: [],
      memoryBudgetBytes: 128 * 1024 * 1024,
      readLog: gatewayLog,
      feed,
      wishLog: gatewayLog,
      jobBatches,
      listenerNotes,
      abandonWatch,
      roomWatch,
      measureClock: () => measureClock(redis),
      files: noFiles,
      operations: createOperations({
        files: noFiles,
        acceptLog: gatewayLog,
        replication:
          replicaMs === undefined
            ? undefined
            : createReplication({ redis, key: keys.replicated, boundMs: replicaMs }),
        connection: {
          isReady: () => redis.status === 'ready',
          keepsOrder: keepsOrder(redis),
          untilReady: () => untilConnected([redis]),
        },
        readLog: gatewayLog,
        wishLog: gatewayLog,
        jobBatches,
        listenerNotes,
        jobCounts: createRedisCounts({ redis, keys }),
        services,
        producer,
        ceilings,
        holdersOf,
        ledger: createRedisLedger({ redis, keys }),
        crowd,
        grants,
        showTitles,
        vault,
        webhookLog: createRedisWebhookLog({ redis, keys }),
        webhookTargets: createTargetRules([]),
        transcripts: createTranscriptRequests({ redis, keyPrefix }),
        metrics,
        logger: silent,
        transcriptAnswerMs: 3_000,
      }),
      crowd,
      authenticator,
      tickets,
      webhookSecrets: secretsOf({ redis, keys }, keyring !== undefined, operatorsOfWebhooks),
      health: createHealth({ service: 'gateway', version: 'test', checks: {} }),
      metrics,
      services,
      logger: silent,
      ...overrides,
    });
    const close = async () => {
      await started.close();
      await places.close();
    };
    gateways.push(async () => {
      await close();
      roomWatch.close();
      await producer.close();
      await feed.close();
      await closeRedis(redis);
    });
    return {
      ...started,
      close,
      url: `ws://127.0.0.1:${started.port}/ws`,
      dialectUrl: `ws://127.0.0.1:${started.port}/ws/mcp`,
      redis,
      log: gatewayLog,
      feed,
      producer,
      abandonWatch,
    };
  }

  async function connectTo(url: string, subprotocol: string | null): Promise<WireClient> {
    const client = await connectWire(url, { subprotocol });
    clients.push(client);
    await client.until(({ method }) => method === 'connected');
    return client;
  }

  return {
    keys,
    keyPrefix,
    log,
    countListeners: createRedisSweep({ redis: workerRedis, keys, retentionMs }).countListeners,
    gateway,
    connect: ({ url }) => connectTo(url, 'cc-executor.v1'),
    dialect: ({ dialectUrl }) => connectTo(dialectUrl, null),
    async createJob(jobId = createJobId()) {
      await log.create({
        jobId,
        epoch: createEpoch(),
        tenant: TENANT,
        spec: { prompt: 'hello' },
        queueMs: 60_000,
        totalMs: 60_000,
        retry: 'safe',
      });
      return jobId;
    },
    async loseEntry(jobId) {
      const redis = open('patient');
      const producer = createProducer({
        redis,
        keyPrefix,
        onError: () => {
          // As above.
        },
      });
      const isInLine = (await producer.ahead(TENANT, jobId)) !== undefined;
      await producer.leave(TENANT, jobId);
      await producer.close();
      await closeRedis(redis);
      if (!isInLine) throw new Error('a worker has the entry, or there is none');
    },
    async close() {
      for (const client of clients) client.socket.terminate();
      await Promise.all(gateways.map((end) => end()));
      await closeRedis(workerRedis);
      const channels = (await server.channels()).filter((channel) => channel.startsWith(keyPrefix));
      const connections = String(await server.admin.client('LIST')).split('\n');
      const left = connections.filter((line) => line.includes(`name=${keyPrefix}`));
      if (channels.length + left.length > 0)
        throw new Error(`left over: ${[...channels, ...left].join('; ')}`);
    },
  };
}

/** An attempt that the test writes as a worker would. */
export type Attempt = {
  fence: number;
  write(...events: EventBody[]): Promise<void>;
  end(event: TerminalBody): Promise<string>;
};

/** Begins a queued job. */
export async function takeJob(log: WholeLog, jobId: string, leaseMs = 60_000): Promise<Attempt> {
  const begun = await log.begin(jobId, leaseMs, randomUUID());
  if (!('attempt' in begun)) throw new Error(`the job could not be begun: ${begun.code}`);
  const { fence } = begun.attempt;
  let seq = begun.attempt.lastSeq;

  async function append(events: EventBody[], terminal?: TerminalBody['type']): Promise<string> {
    const { code } = await log.append({
      jobId,
      fence,
      firstSeq: seq + 1,
      bodies: events.map((event) => JSON.stringify(event)),
      hasOutput: events.some(({ type }) => type === 'output'),
      ...(terminal ? { terminal } : {}),
    });
    if (code === 'ok') seq += events.length;
    return code;
  }

  return {
    fence,
    async write(...events) {
      const code = await append(events);
      if (code !== 'ok') throw new Error(`the append was refused: ${code}`);
    },
    end: (event) => append([event], event.type),
  };
}

export const completed = { type: 'completed', evidence: 'complete-line', text: 'done' } as const;

export function output(text: string): EventBody {
  return { type: 'output', text };
}

/** Polls for what no message tells; the test's own time limit bounds it. */
export async function untilTrue(holds: () => boolean | Promise<boolean>): Promise<void> {
  while (!(await holds())) await new Promise((resolve) => setTimeout(resolve, 5));
}
