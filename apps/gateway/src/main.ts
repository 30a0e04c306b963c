/** Starts the gateway: configuration, Redis, server; drains on SIGTERM. */
import { once } from 'node:events';
import {
  createRedisCheck,
  createRegistry,
  createSelfReport,
  guardDurability,
  startReporter,
} from '@cc-executor/fleet';
import {
  createKeys,
  createRedisAcceptLog,
  createRedisFeed,
  createRedisReadLog,
  createRedisSweep,
  createRedisWishLog,
} from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
import { createProducer } from '@cc-executor/queue';
import { closeRedis, openRedis, type RedisConnection } from '@cc-executor/redis';
import { createHealth, createRepeatedWarning, runService, version } from '@cc-executor/runtime';
import { createTranscriptRequests } from '@cc-executor/signals';
import { createAbandonWatch } from './chores/abandon-watch.ts';
import { startSweeper } from './chores/sweeper.ts';
import { appName, loadGatewayConfig } from './config.ts';
import { createGatewayMetrics, watchSharedState } from './metrics.ts';
import { createOperations } from './operations/index.ts';
import { startGateway } from './server.ts';
import { createServices } from './services.ts';

/** How long opening the door waits for Redis, in ms. */
const FIRST_CONNECT_MS = 2_000;

await runService({
  name: appName,
  loadConfig: loadGatewayConfig,
  graceMs: (config) => config.drainGraceMs + 5_000,
  async start({ config, logger, signal }) {
    const onError = createRepeatedWarning(logger, 'redis connection');
    const open = (role: 'impatient' | 'subscriber') =>
      openRedis(config.redisUrl, { name: `cc-executor:gateway:${role}`, role, onError });
    const redis = open('impatient');
    const strict = config.strictDurability;
    const durability = guardDurability({ redis, app: appName, strict, logger, signal });
    await durability.pass();
    const subscriber = open('subscriber');
    const keys = createKeys(config.keyPrefix);
    const kept = { redis, keys, retentionMs: config.retentionMs };
    const acceptLog = createRedisAcceptLog(kept);
    const readLog = createRedisReadLog(kept);
    const wishLog = createRedisWishLog(kept);
    const feed = createRedisFeed({ redis: subscriber, keys });
    const producer = createProducer({ redis, keyPrefix: config.keyPrefix, onError });
    const sweep = createRedisSweep(kept);
    const registry = createMetrics({ role: appName, version, isOn: config.metrics });
    const metrics = createGatewayMetrics(registry);
    watchSharedState(registry, {
      ping: () => redis.ping(),
      queueDepth: producer.depth,
      dueJobs: sweep.size,
    });
    const abandonWatch = createAbandonWatch({
      readLog,
      wishLog,
      countListeners: sweep.countListeners,
      graceMs: config.abandonGraceMs,
      logger,
    });
    const sweeper = startSweeper({
      ...config,
      sweep,
      producer,
      abandonWatch,
      intervalMs: config.sweepMs,
      metrics,
      logger,
    });
    redis.on('close', sweeper.redisWasAway);
    const redisCheck = createRedisCheck({ redis, url: config.redisUrl, app: appName, strict });
    const health = createHealth({
      service: appName,
      version,
      checks: {
        redis: redisCheck.check,
        subscriber: feed.check,
      },
    });
    const reports = createRegistry({ redis, keyPrefix: config.keyPrefix });
    const self = createSelfReport({
      role: appName,
      health,
      everyMs: config.reportMs,
      settings: {
        leaseMs: config.leaseMs,
        retentionMs: config.retentionMs,
        keyPrefix: config.keyPrefix,
      },
      look: redisCheck.look,
    });
    await Promise.all([redis, subscriber].map(untilConnected));
    const gateway = await startGateway({
      ...config,
      readLog,
      feed,
      abandonWatch,
      operations: createOperations({
        acceptLog,
        readLog,
        wishLog,
        producer,
        transcripts: createTranscriptRequests({ redis, keyPrefix: config.keyPrefix }),
        metrics,
        logger,
      }),
      health,
      metrics,
      services: createServices({ self, registry: reports, producer }),
      logger,
    });
    const reporter = startReporter({
      registry: reports,
      self,
      everyMs: config.reportMs,
      onError: createRepeatedWarning(logger, 'report not written'),
    });
    return {
      async close() {
        await gateway.close();
        await reporter.close();
        await sweeper.close();
        await producer.close();
        await feed.close();
        await closeRedis(redis);
      },
    };
  },
});

/**
 * Resolves when Redis is there, or does not come: clients reconnect the moment that the door opens, and would all be
 * refused as `unavailable` while the first connection is made.
 */
async function untilConnected(redis: RedisConnection): Promise<void> {
  if (redis.status === 'ready') return;
  await once(redis, 'ready', { signal: AbortSignal.timeout(FIRST_CONNECT_MS) }).catch(() => {
    // An outage: the gateway listens all the same, and tells its clients.
  });
}
