/** What the apps register, as the apps themselves do it, without starting them. */
import { createMetrics, type MetricDescription, type Metrics, watchScripts } from '@cc-executor/metrics';
import { createClaudeApiMetrics } from '../../apps/claude-api/src/metrics.ts';
import { createGatewayMetrics, watchKeys, watchSharedState } from '../../apps/gateway/src/metrics.ts';
import { createWorkerMetrics } from '../../apps/worker/src/metrics.ts';

type Role = 'gateway' | 'worker' | 'claude-api' | 'dashboard';

export type RegisteredMetric = MetricDescription & { roles: Role[] };

const ping = async () => 'PONG';

const registrations: Record<Role, (metrics: Metrics) => void> = {
  gateway(metrics) {
    createGatewayMetrics(metrics);
    watchScripts(metrics);
    const queueDepth = async () => ({ waiting: 0, active: 0, delayed: 0, oldestWaitingMs: 0 });
    const roomWatch = { room: () => 'enough' as const, memory: () => undefined };
    const usageBlock = { read: async () => [] };
    watchKeys(metrics, { fault: () => undefined });
    watchSharedState(metrics, { ping, queueDepth, dueJobs: async () => 0, roomWatch, usageBlock });
  },
  worker(metrics) {
    watchScripts(metrics);
    createWorkerMetrics(metrics, {
      slots: 1,
      maxWaiting: 1,
      load: () => ({ running: 0, waiting: 0 }),
      isTaking: () => true,
      ping,
    });
  },
  'claude-api': (metrics) =>
    void createClaudeApiMetrics(metrics, {
      load: () => ({ running: 0, paused: 0 }),
      limits: { maxExecutions: 1, maxPaused: 1 },
      engine: 'demo',
    }),
  dashboard() {
    // Only what every service has.
  },
};

function createFor(role: Role): Metrics {
  const metrics = createMetrics({ role, version: 'test', isOn: true });
  registrations[role](metrics);
  return metrics;
}

/** Our own metrics with the roles that have them, each once, in the order of their registration. */
export function registeredMetrics(): RegisteredMetric[] {
  const byName = new Map<string, RegisteredMetric>();
  for (const role of Object.keys(registrations) as Role[]) {
    for (const metric of createFor(role).describe()) {
      const known = byName.get(metric.name);
      if (known) known.roles.push(role);
      else byName.set(metric.name, { ...metric, roles: [role] });
    }
  }
  return [...byName.values()];
}

/** What a scrape of each app shows before anything has happened. */
export async function firstScrapes(): Promise<string> {
  const roles = Object.keys(registrations) as Role[];
  const scrapes = await Promise.all(roles.map((role) => createFor(role).scrape()));
  return scrapes.map(({ body }) => body).join('\n');
}

/** The names of all series that a scrape can show, those of the process and of histograms included. */
export async function seriesNames(): Promise<Set<string>> {
  const names = new Set<string>();
  for (const role of Object.keys(registrations) as Role[]) {
    const { body } = await createFor(role).scrape();
    for (const [, name = '', type] of body.matchAll(/^# TYPE (\S+) (\S+)$/gm)) {
      if (type !== 'histogram') names.add(name);
      else for (const suffix of ['_bucket', '_sum', '_count']) names.add(name + suffix);
    }
  }
  return names;
}
