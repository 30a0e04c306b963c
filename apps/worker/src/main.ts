/** Starts the worker: configuration, Redis, claude-api, the take-loop; drains on SIGTERM. */
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import {
  createRedisCheck,
  createRegistry,
  createSelfReport,
  guardDurability,
  shareRunning,
  startReporter,
} from '@cc-executor/fleet';
import { createKeys, createRedisWriteLog } from '@cc-executor/job-log';
import { createMetrics } from '@cc-executor/metrics';
import { startConsumer } from '@cc-executor/queue';
import { checkSubscription, closeRedis, openRedis } from '@cc-executor/redis';
import {
  createHealth,
  createRepeatedWarning,
  logEvents,
  runService,
  startHealthServer,
  version,
} from '@cc-executor/runtime';
import { answerTranscriptRequests, hearWishes, workerChannels } from '@cc-executor/signals';
import { appName, loadWorkerConfig } from './config.ts';
import { createLeases } from './leases.ts';
import { measureLog } from './measured-log.ts';
import { createWorkerMetrics, measureAttempt } from './metrics.ts';
import { processJob } from './process-job.ts';
import { judgeSurvey } from './upstream-check.ts';

/** For all addresses of claude-api together, in ms; less than a readiness check may take. */
const SURVEY_MS = 1_500;

await runService({
  name: appName,
  loadConfig: loadWorkerConfig,
  graceMs: (config) => config.drainGraceMs + 15_000,
  async start({ config, logger, signal }) {
    const onError = createRepeatedWarning(logger, 'redis connection');
    const open = (role: 'patient' | 'subscriber') =>
      openRedis(config.redisUrl, { name: `cc-executor:worker:${role}`, role, onError });
    const redis = open('patient');
    const strict = config.strictDurability;
    const durability = guardDurability({ redis, app: appName, strict, logger, signal });
    await durability.pass();
    const queueRedis = open('patient');
    const keys = createKeys(config.keyPrefix);
    const subscriber = open('subscriber');
    const registry = createMetrics({ role: appName, version, isOn: config.metrics });
    const metrics = createWorkerMetrics(registry, {
      slots: config.concurrency,
      isTaking: () => consumer.isRunning(),
      ping: () => redis.ping(),
    });
    const log = measureLog(createRedisWriteLog({ redis, keys, retentionMs: config.retentionMs }), metrics);
    const leases = createLeases({ log, leaseMs: config.leaseMs, logger });
    const claudeApi = createClaudeApiClient({
      url: config.claudeApiUrl,
      path: config.claudeApiPath,
      connectTimeoutMs: config.connectTimeoutMs,
    });
    const onRefused = createRepeatedWarning(logger, 'wishes are not heard at once');
    hearWishes({ subscriber, keyPrefix: config.keyPrefix, onWish: leases.check, onRefused });
    answerTranscriptRequests({
      subscriber,
      redis,
      keyPrefix: config.keyPrefix,
      read: claudeApi.transcript,
      onError: createRepeatedWarning(logger, 'transcript requests'),
    });

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
    const redisCheck = createRedisCheck({ redis, url: config.redisUrl, app: appName, strict });
    const survey = shareRunning(() => claudeApi.survey(SURVEY_MS));
    const health = createHealth({
      service: appName,
      version,
      checks: {
        redis: redisCheck.check,
        subscriber: () => checkSubscription(subscriber, workerChannels(config.keyPrefix)),
        queue: async () => ({ ok: consumer.isRunning() }),
        claudeApi: async () => judgeSurvey(await survey()),
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
        concurrency: config.concurrency,
      },
      look: redisCheck.look,
      lookUpstream: survey,
    });
    const healthServer = await startHealthServer({
      host: config.healthHost,
      port: config.healthPort,
      health,
      handleOther: registry.handle,
      portVariable: 'WORKER_HEALTH_PORT',
    });
    const reporter = startReporter({
      registry: reports,
      self,
      everyMs: config.reportMs,
      onError: createRepeatedWarning(logger, 'report not written'),
    });
    const { concurrency } = config;
    logger.info({ event: logEvents.ready, concurrency, healthPort: healthServer.port }, 'worker takes jobs');
    return {
      async close() {
        health.setDraining();
        const grace = setTimeout(() => drain.abort(), config.drainGraceMs);
        await consumer.close();
        clearTimeout(grace);
        leases.close();
        await reporter.close();
        await claudeApi.close();
        await healthServer.close();
        await Promise.all([subscriber, redis, queueRedis].map(closeRedis));
      },
    };
  },
});
