/**
 * `cc-executor up`: the whole stack on this machine. Looks at the ports, chooses a Redis, then hands the list
 * of services to the supervisor and waits for Ctrl-C.
 */
import { loadConfig } from '@cc-executor/runtime';
import { watchInterrupts } from './interrupts.ts';
import { claimPort } from './ports.ts';
import { probeRedis, waitUntilReady } from './probes.ts';
import { chooseRedis, type RedisChoice } from './redis-choice.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { listServices, type Ports } from './services.ts';
import { appName, settings, type UpConfig } from './settings.ts';
import { runStack } from './stack.ts';
import { summarise } from './summary.ts';
import { UpError } from './up-error.ts';

export interface UpOptions {
  readonly workers: number;
  readonly dashboard: boolean;
  readonly logLevel: string | undefined;
}

const REDIS_WAIT_MS = 5_000;

/**
 * Runs the stack until it is asked to stop, and resolves when nothing of it runs any more: to 'killed' if it
 * did not get the time to close.
 *
 * @param env the variables to read, handed on to the children as well
 * @throws ConfigError for faulty settings; UpError when the stack cannot start
 */
export async function runUp(
  options: UpOptions,
  env: NodeJS.ProcessEnv,
  write: (text: string) => void,
): Promise<'stopped' | 'killed'> {
  const config = loadConfig(appName, settings, env, { prefixes: ['UP_'] });
  const ports = await claimPorts(config, options);
  const redis = chooseRedis({
    redisUrl: config.redisUrl,
    path: env.PATH,
    port: ports.redis,
    folder: config.dataDir,
  });
  const logLevel = options.logLevel ?? config.logLevel;
  const services = listServices({ config, redis, ports, logLevel, env });
  const names = services.map((service) => service.process.name);
  const reporter = createReporter({ format: config.logFormat, names, write });
  const interrupts = watchInterrupts({
    onStop: (name) => reporter.say(`${name}: stopping everything in order; Ctrl-C again kills at once`),
    onKill: () => reporter.warn('killing everything'),
  });
  try {
    await announceRedis(redis, reporter, interrupts.stop);
    await runStack({
      services,
      reporter,
      readyTimeoutMs: config.readyTimeoutMs,
      stop: interrupts.stop,
      kill: interrupts.kill,
      onReady(answers) {
        const { lines, fields } = summarise({ config, ports, redis, claudeApi: answers.get('claude-api') });
        reporter.show('the stack is ready', lines, fields);
      },
    });
    reporter.say('everything has stopped');
    return interrupts.kill.aborted ? 'killed' : 'stopped';
  } finally {
    interrupts.close();
  }
}

async function claimPorts(config: UpConfig, { workers, dashboard }: UpOptions): Promise<Ports> {
  const loopback = '127.0.0.1';
  const claudeApi = await claimPort({
    service: 'claude-api',
    host: config.claudeApiHost,
    port: config.claudeApiPort,
    variable: 'CLAUDE_API_PORT',
  });
  const gateway = await claimPort({
    service: 'gateway',
    host: config.gatewayHost,
    port: config.gatewayPort,
    variable: 'GATEWAY_PORT',
  });
  const dashboardPort = dashboard
    ? await claimPort({
        service: 'dashboard',
        host: config.dashboardHost,
        port: config.dashboardPort,
        variable: 'DASHBOARD_PORT',
      })
    : undefined;
  const workerPorts: number[] = [];
  for (let index = 0; index < workers; index++) {
    const port = workers === 1 ? config.workerHealthPort : 0;
    workerPorts.push(
      await claimPort({ service: 'worker', host: loopback, port, variable: 'WORKER_HEALTH_PORT' }),
    );
  }
  const redis = await claimPort({ service: 'redis', host: loopback, port: 0 });
  return { claudeApi, gateway, dashboard: dashboardPort, workers: workerPorts, redis };
}

async function announceRedis(redis: RedisChoice, reporter: Reporter, signal: AbortSignal): Promise<void> {
  if (redis.kind !== 'external') {
    if (redis.kind === 'embedded') reporter.warn(`redis: ${redis.description}`);
    return;
  }
  const address = URL.canParse(redis.url) ? new URL(redis.url) : undefined;
  // TLS, Sentinel and Cluster are for the services to try: their /ready tells.
  if (address?.protocol !== 'redis:') return;
  const host = address.hostname.replace(/^\[|\]$/g, '');
  try {
    await waitUntilReady({
      probe: probeRedis(host, Number(address.port || 6379)),
      timeoutMs: REDIS_WAIT_MS,
      signal,
      tellEveryMs: 1_500,
      onWaiting: (detail) => reporter.say(`waiting for ${redis.description}: ${detail}`),
    });
  } catch (error) {
    if (signal.aborted) return;
    throw new UpError(`no Redis at ${redis.description}: ${(error as Error).message}`, { cause: error });
  }
}
