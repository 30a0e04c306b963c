/** Starts the worker: configuration, Redis, claude-api, the take-loop; drains on SIGTERM. */
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import { createKeys, createRedisControl, createRedisJobLog } from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
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
import { measureLog } from './measured-log.ts';
import { createWorkerMetrics, measureAttempt } from './metrics.ts';
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
    const registry = createMetrics({ role: appName, version, isOn: config.metrics });
    const metrics = createWorkerMetrics(registry, {
      slots: config.concurrency,
      isTaking: () => consumer.isRunning(),
      ping: () => redis.ping(),
    });
    const log = measureLog(createRedisJobLog({ redis, keys, retentionMs: config.retentionMs }), metrics);
    const leases = createLeases({ log, leaseMs: config.leaseMs, logger });
    const claudeApi = createClaudeApiClient({
      url: config.claudeApiUrl,
      path: config.claudeApiPath,
      connectTimeoutMs: config.connectTimeoutMs,
    });
    control.onCancel(leases.check);

    const drain = new AbortController();
    const { leaseMs } = config;
    const context = { log, claudeApi, leases, leaseMs, metrics, logger, drain: drain.signal };
    const consumer = startConsumer({
      redis: queueRedis,
      keyPrefix: config.keyPrefix,
      concurrency: config.concurrency,
      // Longer than the lease: by the time BullMQ hands a lost entry over, the sweeper has seen to its job.
      lockMs: 2 * config.leaseMs,
      process: (jobId, lockLost) => measureAttempt(metrics, () => processJob(context, jobId, lockLost)),
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
      handleOther: registry.handle,
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
