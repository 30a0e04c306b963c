/**
 * The services of the whole stack, as processes: what each is run with, where it listens, how to ask whether
 * it is ready, and the order. The apps are run, never imported.
 */
import { resolve } from 'node:path';
import { fileURLToPath } from 'node:url';
import { isClaudeVariable } from '@cc-executor/claude-options';
import { SERVICE_FLAGS } from '@cc-executor/runtime';
import { probeHttp, probeRedisServer } from './probes.ts';
import type { UpConfig } from './settings.ts';
import type { Service } from './stack.ts';
import type { StackRedis } from './stack-redis.ts';

export type Ports = {
  readonly claudeApi: number;
  readonly gateway: number;
  readonly dashboard: number | undefined;
  /** One for each worker. */
  readonly workers: readonly number[];
  /** Of the Redis that we start; unused with an external one. */
  readonly redis: number;
};

const ROOT = new URL('../../../../', import.meta.url);
const PARENT_WATCH = new URL('./parent-watch.mjs', import.meta.url).href;
const COMPILE_CACHE = new URL('tools/runtime/compile-cache.mjs', ROOT).href;

/** What claude-api reads itself, besides CLAUDE_* and ANTHROPIC_*, and Node. */
const FOR_CLAUDE_API = /^(ALLOWED_HOSTS|METRICS|LOG_LEVEL|LOG_FORMAT|NODE_\w+)$/;

/** Each is told only to those who need it. */
const SECRETS = ['CLAUDE_API_TOKEN_FILE', 'CLAUDE_API_TOKEN', 'SECRETS_KEY_FILE', 'SECRETS_KEY'];

/** How long a child may take to close when the supervisor has died. */
const ORPHAN_GRACE_MS = 5_000;
/** When the workers are gone their calls break, and claude-api still has to end what it ran for them. */
const CLAUDE_API_ORPHAN_GRACE_MS = 15_000;

/** Who starts after whom, and who stops after whom: the gateway goes first, so that clients hear of it. */
const START = { redis: 0, rest: 1 };
const STOP = { gateway: 0, dashboard: 1, worker: 2, claudeApi: 3, redis: 4 };

/** The names of all services that there can be, in their order. */
export function nameServices({ workers, dashboard }: Ports): string[] {
  return [
    ...['redis', 'claude-api', ...workers.map((_, index) => workerName(index, workers.length)), 'gateway'],
    ...(dashboard === undefined ? [] : ['dashboard']),
  ];
}

/** Lists the services. `env` is the caller's environment, handed on to every child but claude-api, which gets what it needs. */
export function listServices(options: {
  config: UpConfig;
  redis: StackRedis;
  ports: Ports;
  logLevel: string;
  /** Of gateway and workers. */
  secretsKey: string;
  env: NodeJS.ProcessEnv;
  /** Folders that Claude Code is not to see, besides those of the environment. */
  hidden?: readonly string[];
}): Service[] {
  const { config, redis, ports, logLevel, secretsKey, env, hidden = [] } = options;
  const shared = {
    // Resolved already; both at once would be a fault.
    ...without(env, ['REDIS_URL_FILE', ...SECRETS]),
    REDIS_URL: redis.url,
    CLAUDE_API_URL: urlOf(config.claudeApiHost, ports.claudeApi),
    LOG_FORMAT: config.logFormat,
    LOG_LEVEL: logLevel,
  };

  /** Claude Code runs there, and with it whatever a prompt makes it run. */
  const forClaudeApi = Object.fromEntries(
    Object.entries(shared).filter(([name]) => isForClaudeApi(name, listed(env.CLAUDE_PASS_ENV))),
  );

  function app(name: string, folder: string, childEnv: NodeJS.ProcessEnv, orphanGraceMs = ORPHAN_GRACE_MS) {
    const main = fileURLToPath(new URL(`apps/${folder}/src/main.ts`, ROOT));
    return nodeProcess(name, [main], childEnv, orphanGraceMs);
  }

  /** `orphanGraceMs`: how long it may take to close when this process has died. */
  function nodeProcess(
    name: string,
    args: readonly string[],
    childEnv: NodeJS.ProcessEnv,
    orphanGraceMs: number,
  ) {
    return {
      name,
      command: process.execPath,
      args: [
        ...SERVICE_FLAGS,
        ...['--import', COMPILE_CACHE, '--import', `${PARENT_WATCH}?graceMs=${orphanGraceMs}`],
        ...args,
      ],
      env: childEnv,
      graceMs: config.stopGraceMs,
    };
  }

  const services: Service[] = [
    {
      process: app(
        'claude-api',
        'claude-api',
        {
          ...forClaudeApi,
          CLAUDE_API_HOST: config.claudeApiHost,
          CLAUDE_API_PORT: String(ports.claudeApi),
          CLAUDE_API_TOKEN: config.claudeApiToken,
          CLAUDE_HIDDEN_PATHS: [...listed(env.CLAUDE_HIDDEN_PATHS), resolve(config.dataDir), ...hidden].join(
            ',',
          ),
        },
        CLAUDE_API_ORPHAN_GRACE_MS,
      ),
      probe: probeHttp(shared.CLAUDE_API_URL),
      startRank: START.rest,
      stopRank: STOP.claudeApi,
    },
    ...ports.workers.map((port, index) => ({
      process: app(workerName(index, ports.workers.length), 'worker', {
        ...shared,
        WORKER_HEALTH_HOST: config.loopback,
        WORKER_HEALTH_PORT: String(port),
        CLAUDE_API_TOKEN: config.claudeApiToken,
        SECRETS_KEY: secretsKey,
      }),
      probe: probeHttp(urlOf(config.loopback, port)),
      startRank: START.rest,
      stopRank: STOP.worker,
    })),
    {
      process: app('gateway', 'gateway', {
        ...shared,
        GATEWAY_HOST: config.gatewayHost,
        GATEWAY_PORT: String(ports.gateway),
        CLAUDE_API_TOKEN: config.claudeApiToken,
        SECRETS_KEY: secretsKey,
      }),
      probe: probeHttp(urlOf(config.gatewayHost, ports.gateway)),
      startRank: START.rest,
      stopRank: STOP.gateway,
    },
  ];
  if (ports.dashboard !== undefined) {
    services.push({
      process: app('dashboard', 'dashboard', {
        ...shared,
        DASHBOARD_HOST: config.dashboardHost,
        DASHBOARD_PORT: String(ports.dashboard),
        DASHBOARD_GATEWAY_URL: urlOf(config.gatewayHost, ports.gateway),
      }),
      probe: probeHttp(urlOf(config.dashboardHost, ports.dashboard)),
      startRank: START.rest,
      stopRank: STOP.dashboard,
    });
  }
  if (redis.run !== undefined) {
    const { script, args, env: secret } = redis.run;
    services.unshift({
      process: nodeProcess(
        'redis',
        [script, ...args],
        { ...without(env, SECRETS), ...secret },
        ORPHAN_GRACE_MS,
      ),
      probe: probeRedisServer(redis.url),
      startRank: START.redis,
      stopRank: STOP.redis,
      ...(redis.kind === 'embedded' ? { restartNote: 'ALL JOBS IN IT ARE LOST' } : {}),
    });
  }
  return services;
}

/** An HTTP address under which this machine reaches a service that listens on `host`. */
export function urlOf(host: string, port: number, scheme = 'http'): string {
  const reachable = host === '0.0.0.0' ? '127.0.0.1' : host === '::' ? '::1' : host;
  return `${scheme}://${reachable.includes(':') ? `[${reachable}]` : reachable}:${port}`;
}

function workerName(index: number, count: number): string {
  return count === 1 ? 'worker' : `worker-${index + 1}`;
}

function isForClaudeApi(name: string, passed: readonly string[]): boolean {
  return FOR_CLAUDE_API.test(name) || isClaudeVariable(name) || passed.includes(name);
}

function listed(text = ''): string[] {
  return text
    .split(',')
    .map((name) => name.trim())
    .filter((name) => name !== '');
}

function without(env: NodeJS.ProcessEnv, names: readonly string[]): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !names.includes(name)));
}
