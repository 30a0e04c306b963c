/** Starts the worker: configuration, Redis, claude-api, the take-loop; drains on SIGTERM. */
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import { shareRunning } from '@cc-executor/fleet';
import {
  createKeys,
  createRedisTraceLog,
  createRedisUsageBlock,
  createRedisWriteLog,
  createVault,
} from '@cc-executor/job-log';
import { watchScripts } from '@cc-executor/metrics';
import { startConsumer } from '@cc-executor/queue';
import { checkSubscription, closeRedis, observeScripts, untilConnected } from '@cc-executor/redis';
import { createRepeatedWarning, logEvents, version } from '@cc-executor/runtime';
import { createHealth, createHttpServer, listenHttp, runService } from '@cc-executor/service';
import { joinFleet } from '@cc-executor/service/fleet-member';
import { answerTranscriptRequests, hearWishes, workerChannels } from '@cc-executor/signals';
import { openTracing } from '@cc-executor/tracing';
import { appName, loadWorkerConfig } from './config.ts';
import { createFlushWindow } from './flush-window.ts';
import { createLeases } from './leases.ts';
import { measureLog } from './measured-log.ts';
import { createWorkerMetrics, measureAttempt } from './metrics.ts';
import { processJob } from './process-job.ts';
import { traceAttempts } from './traces.ts';
import { judgeSurvey } from './upstream-check.ts';

/** For all addresses of claude-api together, in ms; less than a readiness check may take. */
const SURVEY_MS = 1_500;

await runService({
  name: appName,
  loadConfig: loadWorkerConfig,
  graceMs: (config) => config.drainGraceMs + 15_000,
  async start({ config, logger, metrics: serviceMetrics, signal }) {
    const member = await joinFleet({ app: appName, role: 'patient', config, logger, signal });
    const { redis } = member;
    observeScripts(redis, watchScripts(serviceMetrics));
    const queueRedis = member.open('patient');
    const keys = createKeys(config.keyPrefix);
    const subscriber = member.open('subscriber');
    const metrics = createWorkerMetrics(serviceMetrics, {
      slots: config.concurrency,
      maxWaiting: config.maxWaiting,
      load: () => consumer.load(),
      isTaking: () => consumer.isRunning(),
      ping: () => redis.ping(),
    });
    const tracing = await openTracing(config, { service: `cc-executor-${appName}`, version, logger });
    const measured = measureLog(
      createRedisWriteLog({ redis, keys, retentionMs: config.retentionMs, isTogether: true }),
      metrics,
    );
    const traced =
      tracing &&
      traceAttempts({ log: measured, traceLog: createRedisTraceLog({ redis, keys }), tracing, logger });
    const log = traced?.log ?? measured;
    const leases = createLeases({ log, leaseMs: config.leaseMs, logger });
    const claudeApi = createClaudeApiClient({
      url: config.claudeApiUrl,
      path: config.claudeApiPath,
      token: config.claudeApiToken,
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
    const { leaseMs, maxOutputBytes, maxBodyBytes } = config;
    const bounds = { maxOutputBytes, maxBodyBytes };
    const vault = config.secretsKeys && createVault(config.secretsKeys);
    const usageBlock = createRedisUsageBlock({ redis, keys });
    const parts = { log, claudeApi, usageBlock, vault, leases, metrics };
    const flushWindow = createFlushWindow();
    const context = { ...parts, leaseMs, bounds, flushWindow, logger, drain: drain.signal };
    const consumer = startConsumer({
      redis: queueRedis,
      keyPrefix: config.keyPrefix,
      concurrency: config.concurrency,
      maxWaiting: config.maxWaiting,
      // Longer than the lease: by the time BullMQ hands a lost entry over, the sweeper has seen to its job.
      lockMs: 2 * config.leaseMs,
      process: (jobId, slot) =>
        measureAttempt(metrics, () => processJob(context, jobId, slot)).finally(() => traced?.forget(jobId)),
      onError: createRepeatedWarning(logger, 'queue'),
    });
    const survey = shareRunning(() => claudeApi.survey(SURVEY_MS));
    const health = createHealth({
      service: appName,
      checks: {
        redis: member.check,
        subscriber: () => checkSubscription(subscriber, workerChannels(config.keyPrefix)),
        queue: async () => ({ ok: consumer.isRunning() }),
        claudeApi: async () => judgeSurvey(await survey()),
      },
    });
    const { concurrency } = config;
    const reports = member.reports({
      health,
      settings: { concurrency },
      lookUpstream: survey,
      lookJobs: consumer.load,
    });
    const http = createHttpServer({
      health,
      metrics: serviceMetrics,
      logger,
      allowedHosts: [config.healthHost, ...config.allowedHosts],
      describeMissing: () => undefined,
    });
    const healthPort = await listenHttp(http, {
      host: config.healthHost,
      port: config.healthPort,
      portVariable: 'WORKER_HEALTH_PORT',
    });
    // The first report would say for a while that the worker hears nobody.
    await untilConnected([redis, subscriber]);
    const reporter = reports.start();
    logger.info({ event: logEvents.ready, concurrency, healthPort }, 'worker takes jobs');
    return {
      async close() {
        health.setDraining();
        const grace = setTimeout(() => drain.abort(), config.drainGraceMs);
        await consumer.close();
        clearTimeout(grace);
        leases.close();
        await reporter.close();
        await claudeApi.close();
        await tracing?.close();
        await http.close();
        await Promise.all([subscriber, redis, queueRedis].map(closeRedis));
      },
    };
  },
});
