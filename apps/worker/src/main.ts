/** Starts the worker: configuration, Redis, claude-api, the take-loop; drains on SIGTERM. */
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import { createKeys, createRedisControl, createRedisJobLog } from '@cc-executor/job-log';
import { startConsumer } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import {
  createHealth,
  createRepeatedWarning,
  runService,
  startHealthServer,
  version,
} from '@cc-executor/runtime';
import { appName, loadWorkerConfig } from './config.ts';
import { createLeases } from './leases.ts';
import { processJob } from './process-job.ts';

await runService({
  name: appName,
  loadConfig: loadWorkerConfig,
  graceMs: (config) => config.drainGraceMs + 15_000,
  async start({ config, logger }) {
    const onError = createRepeatedWarning(logger, 'redis connection');
    const open = (role: 'patient' | 'subscriber') =>
      openRedis(config.redisUrl, { name: `cc-executor:worker:${role}`, role, onError });
    const redis = open('patient');
    const queueRedis = open('patient');
    const keys = createKeys(config.keyPrefix);
    const control = createRedisControl({ redis: open('subscriber'), keys });
    const log = createRedisJobLog({ redis, keys, retentionMs: config.retentionMs });
    const leases = createLeases({ log, leaseMs: config.leaseMs, logger });
    const claudeApi = createClaudeApiClient({
      url: config.claudeApiUrl,
      path: config.claudeApiPath,
      connectTimeoutMs: config.connectTimeoutMs,
    });
    control.onCancel(leases.check);

    const drain = new AbortController();
    const context = { log, claudeApi, leases, leaseMs: config.leaseMs, logger, drain: drain.signal };
    const consumer = startConsumer({
      redis: queueRedis,
      keyPrefix: config.keyPrefix,
      concurrency: config.concurrency,
      // Longer than the lease: by the time BullMQ hands a lost entry over, the sweeper has seen to its job.
      lockMs: 2 * config.leaseMs,
      process: (jobId, lockLost) => processJob(context, jobId, lockLost),
      onError: createRepeatedWarning(logger, 'queue'),
    });
    const health = createHealth({
      service: appName,
      version,
      checks: {
        redis: async () => ({ ok: (await redis.ping()) === 'PONG' }),
        queue: async () => ({ ok: consumer.isRunning() }),
        claudeApi: () => claudeApi.ready(),
      },
    });
    const healthServer = await startHealthServer({
      host: config.healthHost,
      port: config.healthPort,
      health,
      portVariable: 'WORKER_HEALTH_PORT',
    });
    logger.info({ concurrency: config.concurrency, healthPort: healthServer.port }, 'worker takes jobs');
    return {
      async close() {
        health.setDraining();
        const grace = setTimeout(() => drain.abort(), config.drainGraceMs);
        await consumer.close();
        clearTimeout(grace);
        leases.close();
        await claudeApi.close();
        await healthServer.close();
        await control.close();
        await Promise.all([closeRedis(redis), closeRedis(queueRedis)]);
      },
    };
  },
});
