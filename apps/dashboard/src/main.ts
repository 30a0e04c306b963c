/** Starts the dashboard: configuration, Redis, server; closes on SIGTERM. */
import { createMetrics } from '@cc-executor/metrics';
import { openQueue } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createHealth, runService, version } from '@cc-executor/runtime';
import { appName, loadDashboardConfig } from './config.ts';
import { startDashboard } from './server.ts';

await runService({
  name: appName,
  loadConfig: () => loadDashboardConfig(),
  async start({ config, logger }) {
    const onError = (err: Error) => logger.warn({ err }, 'redis connection');
    const redis = openRedis(config.redisUrl, { name: 'cc-executor:dashboard', role: 'impatient', onError });
    const queue = openQueue({ redis, keyPrefix: config.keyPrefix, onError });
    const health = createHealth({
      service: appName,
      version,
      checks: { redis: async () => ({ ok: (await redis.ping()) === 'PONG' }) },
    });
    const metrics = createMetrics({ role: appName, version, isOn: config.metrics });
    const dashboard = await startDashboard({ ...config, queue, health, metrics, logger });
    return {
      async close() {
        health.setDraining();
        await dashboard.close();
        await queue.close();
        await closeRedis(redis);
      },
    };
  },
});
