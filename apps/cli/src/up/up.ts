/**
 * `cc-executor up`: the whole stack on this machine. Looks at the ports, chooses a Redis, then hands the list
 * of services to the supervisor and waits for Ctrl-C.
 */
import { loadConfig } from '@cc-executor/runtime';
import { watchInterrupts } from './interrupts.ts';
import { claimPort } from './ports.ts';
import { prepareRedis } from './prepare-redis.ts';
import { createReporter } from './reporter.ts';
import { listServices, nameServices, type Ports } from './services.ts';
import { appName, settings, type UpConfig } from './settings.ts';
import { runStack } from './stack.ts';
import { summarise } from './summary.ts';

export interface UpOptions {
  readonly workers: number;
  readonly dashboard: boolean;
  readonly logLevel: string | undefined;
}

const LOOPBACK = '127.0.0.1';

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
  const reporter = createReporter({ format: config.logFormat, names: nameServices(ports), write });
  const interrupts = watchInterrupts({
    onStop: (name) => reporter.say(`${name}: stopping everything in order; Ctrl-C again kills at once`),
    onKill: () => reporter.warn('killing everything'),
  });
  try {
    const redis = await prepareRedis({
      config,
      path: env.PATH,
      host: LOOPBACK,
      port: ports.redis,
      reporter,
      signal: interrupts.stop,
    });
    if (redis !== undefined) {
      await runStack({
        services: listServices({ config, redis, ports, logLevel: options.logLevel ?? config.logLevel, env }),
        reporter,
        readyTimeoutMs: config.readyTimeoutMs,
        stop: interrupts.stop,
        kill: interrupts.kill,
        onReady(answers) {
          const { lines, fields } = summarise({ config, ports, redis, claudeApi: answers.get('claude-api') });
          reporter.show('the stack is ready', lines, fields);
        },
      });
    }
    reporter.say('everything has stopped');
    return interrupts.kill.aborted ? 'killed' : 'stopped';
  } finally {
    interrupts.close();
  }
}

async function claimPorts(config: UpConfig, { workers, dashboard }: UpOptions): Promise<Ports> {
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
      await claimPort({ service: 'worker', host: LOOPBACK, port, variable: 'WORKER_HEALTH_PORT' }),
    );
  }
  const redis = await claimPort({ service: 'redis', host: LOOPBACK, port: 0 });
  return { claudeApi, gateway, dashboard: dashboardPort, workers: workerPorts, redis };
}
