/** Starts the dashboard: configuration, Redis, server; closes on SIGTERM. */
import { openQueue } from '@cc-executor/queue';
import { closeRedis, openRedis } from '@cc-executor/redis';
import { createRepeatedWarning } from '@cc-executor/runtime';
import { createHealth, runService } from '@cc-executor/service';
import { appName, loadDashboardConfig } from './config.ts';
import { startDashboard } from './server.ts';

await runService({
  name: appName,
  loadConfig: () => loadDashboardConfig(),
  async start({ config, logger, metrics }) {
    const onError = createRepeatedWarning(logger, 'redis connection');
    const redis = openRedis(config.redisUrl, { name: 'cc-executor:dashboard', role: 'impatient', onError });
    const queue = openQueue({ redis, keyPrefix: config.keyPrefix, onError });
    const health = createHealth({
      service: appName,
      checks: { redis: async () => ({ ok: (await redis.ping()) === 'PONG' }) },
    });
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
