/** Starts the gateway: configuration, Redis, server; drains on SIGTERM. */
import { setFlagsFromString } from 'node:v8';
import { createClaudeApiClient } from '@cc-executor/claude-api-client';
import {
  createKeys,
  createRedisAcceptLog,
  createRedisCostLedger,
  createRedisCounts,
  createRedisFeed,
  createRedisJobBatches,
  createRedisLedger,
  createRedisListenLog,
  createRedisPlaceLedger,
  createRedisReadLog,
  createRedisSweep,
  createRedisTraceLog,
  createRedisUnqueued,
  createRedisUsageBlock,
  createRedisWebhookDraws,
  createRedisWebhookLog,
  createRedisWishLog,
  createVault,
} from '@cc-executor/job-log';
import { watchScripts } from '@cc-executor/metrics';
import { createProducer, endOfLine } from '@cc-executor/queue';
import {
  closeRedis,
  createReplication,
  keepsOrder,
  measureClock,
  observeScripts,
  untilConnected,
  watchRoom,
} from '@cc-executor/redis';
import { isLoopback, logEvents, version } from '@cc-executor/runtime';
import { createTargetRules } from '@cc-executor/runtime/targets';
import { createHealth, runService } from '@cc-executor/service';
import { joinFleet } from '@cc-executor/service/fleet-member';
import { createTranscriptRequests } from '@cc-executor/signals';
import { openTracing } from '@cc-executor/tracing';
import { createWebhookSender } from '@cc-executor/webhooks';
import { createAbandonWatch } from './chores/abandon-watch.ts';
import { startQueueCheck } from './chores/queue-check.ts';
import { startSweeper } from './chores/sweeper.ts';
import { startWebhooks } from './chores/webhooks.ts';
import { appName, loadGatewayConfig } from './config.ts';
import { createAuthenticator } from './identity/authenticator.ts';
import { checkKeys, openKeys } from './identity/keys.ts';
import { createSigner } from './identity/signer.ts';
import { createTickets } from './identity/tickets.ts';
import { tokenCheckOf } from './identity/token-check.ts';
import { leaveWhenCancelled, leaveWhenSwept } from './lines.ts';
import { createListenerNotes } from './listening/listener-notes.ts';
import { limitReads } from './listening/read-limit.ts';
import { shareReads } from './listening/shared-reads.ts';
import { createGatewayMetrics, watchKeys, watchSharedState } from './metrics.ts';
import { ceilingsOf } from './operations/ceilings.ts';
import { createFiles } from './operations/files.ts';
import { createOperations } from './operations/index.ts';
import { createCeilingsFor } from './operations/own-ceilings.ts';
import { createWebhookSecrets } from './operations/webhook-secrets.ts';
import { createCrowd } from './quotas/crowd.ts';
import { createHolders } from './quotas/holders.ts';
import { createPlaces } from './quotas/places.ts';
import { createPurses } from './quotas/purses.ts';
import { quotasOf } from './quotas/settings.ts';
import { startGateway } from './server.ts';
import { createServices } from './services.ts';
import { createTraces, untraced } from './traces.ts';

/** How often Redis's memory and disk are looked at, in ms: much less than it takes to fill what is kept free. */
const ROOM_LOOK_MS = 1_000;
/** How long a replica may take to confirm a job, where that is asked for, in ms. */
const REPLICA_MS = 1_000;

// What is read for clients is garbage a moment later. Left alone, V8 lets a small heap grow to four times what lives before
// it collects that: beyond any budget. At half of this it collects so often that a large job costs a gateway 1.4 times the CPU.
setFlagsFromString('--heap-growing-percent=100');

await runService({
  name: appName,
  loadConfig: loadGatewayConfig,
  graceMs: (config) => config.drainGraceMs + 5_000,
  async start({ config, logger, metrics: serviceMetrics, signal }) {
    const member = await joinFleet({ app: appName, role: 'impatient', config, logger, signal });
    const { redis } = member;
    const onScript = watchScripts(serviceMetrics);
    observeScripts(redis, onScript);
    const subscriber = member.open('subscriber');
    const keys = createKeys(config.keyPrefix);
    const kept = { redis, keys, retentionMs: config.retentionMs };
    const isReplicated = config.durability === 'replicated';
    const accepting = isReplicated ? member.open('impatient') : redis;
    observeScripts(accepting, onScript);
    const lineOf = (tenant: string, priority: number) => endOfLine(config.keyPrefix, tenant, priority);
    const acceptLog = createRedisAcceptLog({ ...kept, redis: accepting, lineOf });
    const replication = isReplicated
      ? createReplication({ redis: accepting, key: keys.replicated, boundMs: REPLICA_MS })
      : undefined;
    const readLog = shareReads(limitReads(createRedisReadLog(kept)));
    const tracing = await openTracing(config, { service: `cc-executor-${appName}`, version, logger });
    const traces = tracing && createTraces({ tracing, traceLog: createRedisTraceLog(kept), logger });
    const tell = traces ?? untraced;
    const jobBatches = createRedisJobBatches(kept);
    const feed = createRedisFeed({ redis: subscriber, keys });
    const producer = createProducer({ redis, keyPrefix: config.keyPrefix, onError: member.onRedisError });
    const lines = { producer, logger };
    const wishLog = leaveWhenCancelled(tell.wishes(createRedisWishLog(kept)), lines);
    const sweep = leaveWhenSwept(tell.sweep(createRedisSweep(kept)), lines);
    const roomWatch = watchRoom(redis, { fullPercent: config.redisFullPercent, everyMs: ROOM_LOOK_MS });
    roomWatch.onChange((room) => {
      if (room === 'enough')
        logger.info({ event: logEvents.redisHasRoom }, 'Redis has room: jobs are accepted');
      else if (room !== 'no_replicas')
        logger.warn(
          { event: logEvents.redisFull, room, ...roomWatch.memory() },
          'Redis is full: jobs are refused',
        );
    });
    const keyring =
      config.authMode === 'keys'
        ? openKeys({ ...config, app: appName, path: config.keysFile ?? '', logger })
        : undefined;
    const tokenCheck = tokenCheckOf(config, keyring);
    const signer = config.secretsKeys && createSigner(config.secretsKeys);
    const tickets = createTickets({ redis, keyPrefix: config.keyPrefix, signer });
    const usageBlock = createRedisUsageBlock({ redis, keys });
    const metrics = createGatewayMetrics(serviceMetrics);
    watchSharedState(serviceMetrics, {
      ping: () => redis.ping(),
      queueDepth: producer.depth,
      dueJobs: sweep.size,
      roomWatch,
      usageBlock,
    });
    const abandonWatch = createAbandonWatch({
      readLog,
      wishLog,
      countListeners: sweep.countListeners,
      graceMs: config.abandonGraceMs,
      logger,
    });
    const chore = { ...config, abandonWatch, intervalMs: config.sweepMs, metrics, logger };
    const sweeper = startSweeper({ ...chore, sweep });
    const queueCheck = startQueueCheck({ ...chore, unqueued: createRedisUnqueued(kept), producer });
    const webhookLog = createRedisWebhookLog({ redis, keys });
    const targets = config.webhookSecrets && createTargetRules(config.webhookAllowedTargets);
    const webhookSecrets = createWebhookSecrets({
      operators: config.webhookSecrets,
      isOfTenants: tokenCheck !== undefined,
      draws: createRedisWebhookDraws({ redis, keys }),
    });
    const webhooks =
      targets &&
      startWebhooks({
        ...chore,
        webhookLog,
        sender: createWebhookSender({
          targets,
          timeoutMs: config.webhookTimeoutMs,
          userAgent: `cc-executor/${version}`,
        }),
        timeoutMs: config.webhookTimeoutMs,
        retryMs: config.webhookRetryMs,
        secretsOf: webhookSecrets.signing,
        traceDelivery: traces?.delivery,
      });
    redis.on('close', sweeper.redisWasAway);
    // From now on workers can renew their leases: the lease of patience that began in the outage may be over.
    redis.on('ready', sweeper.redisWasAway);
    const health = createHealth({
      service: appName,
      checks: {
        redis: member.check,
        subscriber: feed.check,
        ...(keyring && { keys: () => checkKeys(keyring) }),
      },
    });
    let connections = () => 0;
    const reports = member.reports({ health, lookConnections: () => connections() });
    const services = createServices({ ...reports, producer, usageBlock });
    // Clients reconnect the moment that the door opens, and would all be refused as `unavailable` meanwhile.
    await untilConnected([redis, subscriber, accepting]);
    const { claudeApiUrl, claudeApiToken: token } = config;
    const claudeApi =
      claudeApiUrl === undefined ? undefined : createClaudeApiClient({ url: claudeApiUrl, token });
    const files = createFiles({ claudeApi });
    const ceilings = ceilingsOf(config);
    const listenerNotes = createListenerNotes({ listenLog: createRedisListenLog(kept), logger });
    const authenticator = createAuthenticator(tokenCheck, tickets);
    const holdersOf = createHolders(authenticator, quotasOf(config));
    const places = createPlaces({ ledger: createRedisPlaceLedger({ redis, keys }) });
    const purses = createPurses({ ledger: createRedisCostLedger({ redis, keys }) });
    const crowd = createCrowd({ holdersOf, places, purses });
    // Perhaps to another server, which had not heard of all.
    redis.on('ready', places.retell);
    await roomWatch.look();
    const gateway = await startGateway({
      ...config,
      ceilingsFor: createCeilingsFor(ceilings, holdersOf),
      readLog,
      feed,
      wishLog,
      jobBatches,
      listenerNotes,
      abandonWatch,
      roomWatch,
      measureClock: () => measureClock(redis),
      files,
      operations: tell.operations(
        createOperations({
          acceptLog,
          replication,
          connection: {
            isReady: () => redis.status === 'ready',
            untilReady: () => untilConnected([redis, accepting]),
            keepsOrder: accepting === redis && keepsOrder(redis),
          },
          readLog,
          wishLog,
          jobBatches,
          listenerNotes,
          jobCounts: createRedisCounts({ redis, keys }),
          services,
          producer,
          ceilings,
          holdersOf,
          ledger: createRedisLedger({ redis, keys }),
          crowd,
          grants: config,
          showTitles: config.showTitles,
          vault: config.secretsKeys && createVault(config.secretsKeys),
          webhookLog,
          webhookTargets: targets,
          files,
          transcripts: createTranscriptRequests({ redis, keyPrefix: config.keyPrefix }),
          metrics,
          logger,
        }),
      ),
      crowd,
      authenticator,
      tickets,
      webhookSecrets,
      health,
      metrics,
      services,
      logger,
    });
    if (tokenCheck === undefined && !isLoopback(config.host)) {
      logger.warn(
        { event: logEvents.openToAll, host: config.host },
        'AUTH_MODE=none: whoever reaches this address may run Claude Code',
      );
    }
    if (tokenCheck !== undefined && signer === undefined) {
      logger.warn(
        'SECRETS_KEY is not set: whoever may write to Redis as this gateway does could make tickets',
      );
    }
    if (keyring) watchKeys(serviceMetrics, keyring);
    connections = gateway.connections;
    const reporter = reports.start();
    return {
      async close() {
        await gateway.close();
        await places.close();
        await claudeApi?.close();
        await reporter.close();
        keyring?.close();
        roomWatch.close();
        await Promise.all([sweeper.close(), queueCheck.close(), webhooks?.close()]);
        await producer.close();
        await feed.close();
        await tracing?.close();
        await Promise.all([...new Set([redis, accepting])].map(closeRedis));
      },
    };
  },
});
