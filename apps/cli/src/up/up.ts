/**
 * `cc-executor up`: the whole stack on this machine. Looks at the ports, chooses a Redis, then hands the list
 * of services to the supervisor and waits for Ctrl-C.
 */
import { randomBytes } from 'node:crypto';
import { dirname, join, resolve } from 'node:path';
import { ConfigError, loadConfig } from '@cc-executor/runtime';
import { stateFolder } from '../config.ts';
import { localTokenFile } from '../local-token.ts';
import { watchInterrupts } from './interrupts.ts';
import { keepLocalKey } from './local-key.ts';
import { claimPort, findLoopback } from './ports.ts';
import { prepareRedis } from './prepare-redis.ts';
import { createReporter, type Reporter } from './reporter.ts';
import { keepSecretsKey } from './secrets-key.ts';
import { checkServiceSettings } from './service-settings.ts';
import { listServices, nameServices, type Ports, urlOf } from './services.ts';
import { addAddresses, appName, settings, type UpConfig } from './settings.ts';
import { runStack } from './stack.ts';
import { summarise } from './summary.ts';
import { UpError } from './up-error.ts';

export type UpOptions = {
  readonly workers: number;
  readonly dashboard: boolean;
  /** Whether everybody is asked for a key. */
  readonly auth?: boolean;
  readonly logLevel: string | undefined;
};

/**
 * Runs the stack until it is asked to stop, and resolves once nothing of it is left running: to 'killed' if it
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
  // Of what this and the children write, other users of the machine read nothing.
  process.umask(0o077);
  const { config, doubts } = await readSettings(env, options);
  const ports = await claimPorts(config, options);
  const reporter = createReporter({ format: config.logFormat, names: nameServices(ports), write });
  for (const doubt of doubts) reporter.warn(doubt);
  const interrupts = watchInterrupts({
    onStop: (name) => reporter.say(`${name}: stopping everything in order; Ctrl-C again kills at once`),
    onKill: () => reporter.warn('killing everything'),
  });
  try {
    const redis = await prepareRedis({
      config,
      path: env.PATH,
      port: ports.redis,
      reporter,
      signal: interrupts.stop,
    });
    if (redis !== undefined) {
      const secretsKey = config.secretsKeys?.join(' ') ?? drawSecretsKey(config.dataDir, reporter);
      const logLevel = options.logLevel ?? config.logLevel;
      const local = options.auth ? drawLocalKey(config, ports) : undefined;
      await runStack({
        services: listServices({
          ...{ config, redis, ports, logLevel, secretsKey },
          env: local ? { ...env, ...local.env } : env,
          hidden: local ? [dirname(local.tokenFile)] : [],
        }),
        reporter,
        readyTimeoutMs: config.readyTimeoutMs,
        stop: interrupts.stop,
        kill: interrupts.kill,
        onReady(answers) {
          const { lines, fields } = summarise({
            ...{ config, ports, redis, claudeApi: answers.get('claude-api') },
            tokenFile: local?.tokenFile,
          });
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

/** All faults of all services at once; `doubts` are to be told, but no reason not to start. */
async function readSettings(
  env: NodeJS.ProcessEnv,
  { dashboard, auth }: UpOptions,
): Promise<{ config: UpConfig; doubts: string[] }> {
  const loopback = await findLoopback();
  const token = randomBytes(32).toString('hex');
  const isGiven = Boolean(env.CLAUDE_API_TOKEN || env.CLAUDE_API_TOKEN_FILE);
  // Told by this process, whatever the environment says.
  const theirs = {
    ...env,
    CLAUDE_API_URL: urlOf(loopback, 0),
    ...(isGiven ? {} : { CLAUDE_API_TOKEN: token }),
    ...(auth && localAuth('')),
  };
  const { faults, doubts } = await checkServiceSettings(theirs, dashboard ? [] : ['dashboard']);
  if (auth && (env.AUTH_MODE || env.AUTH_KEYS_FILE)) {
    faults.push('--auth makes keys of its own: leave AUTH_MODE and AUTH_KEYS_FILE away, or --auth');
  }
  try {
    const config = loadConfig(appName, settings, env, { prefixes: ['UP_'] });
    const { claudeApiToken = token } = config;
    if (faults.length === 0) return { config: { ...addAddresses(config, loopback), claudeApiToken }, doubts };
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    faults.push(...error.faults);
  }
  throw new ConfigError(appName, [...new Set(faults)].sort());
}

/** How services learn that keys are asked for, and where they are. */
function localAuth(dataDir: string): { AUTH_MODE: string; AUTH_KEYS_FILE: string } {
  return { AUTH_MODE: 'keys', AUTH_KEYS_FILE: join(resolve(dataDir), 'keys.json') };
}

function drawLocalKey(config: UpConfig, { gateway }: Ports) {
  const env = localAuth(config.dataDir);
  const tokenFile = localTokenFile(stateFolder(), gateway);
  try {
    keepLocalKey({ keysFile: env.AUTH_KEYS_FILE, tokenFile });
  } catch (error) {
    throw new UpError(`no key can be kept for --auth: ${(error as Error).message}`, { cause: error });
  }
  return { env, tokenFile };
}

/** One that cannot be kept will do, until the stack is started again. */
function drawSecretsKey(folder: string, reporter: Reporter): string {
  try {
    return keepSecretsKey(folder);
  } catch (error) {
    const reason = (error as Error).message;
    reporter.warn(
      `env and attachments of jobs that outlive this stack cannot be read by the next one: ${reason}; set SECRETS_KEY`,
    );
    return randomBytes(32).toString('hex');
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
      await claimPort({ service: 'worker', host: config.loopback, port, variable: 'WORKER_HEALTH_PORT' }),
    );
  }
  const redis = await claimPort({ service: 'redis', host: config.loopback, port: 0 });
  return { claudeApi, gateway, dashboard: dashboardPort, workers: workerPorts, redis };
}
