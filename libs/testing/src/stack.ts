/** The whole product as real processes, on free ports and a Redis of its own, for end-to-end and fault tests. */
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { type ServiceProcess, startService } from './service-process.ts';
import { startTestRedis, type TestRedis } from './test-redis.ts';

export type StackOptions = {
  gateways?: number;
  workers?: number;
  /** What stands upstream: an own claude-api with this environment, or the URL of a stand-in. */
  upstream?: { env: Record<string, string> } | { url: string };
  /** Environment of every gateway and worker. */
  env?: Record<string, string>;
  redis?: TestRedis;
  /** Where apps/ and libs/ of the gateways or workers are; default is this repository. Each ends in a slash. */
  roots?: { gateway?: URL; worker?: URL };
};

export type Stack = {
  redis: TestRedis;
  gateways: ServiceProcess[];
  workers: ServiceProcess[];
  claudeApi: ServiceProcess | undefined;
  /** WebSocket URL of a gateway's native door. */
  url(gateway?: number): string;
  /** WebSocket URL of a gateway's dialect door. */
  dialectUrl(gateway?: number): string;
  /** This one knows where claude-api is. */
  startGateway(env?: Record<string, string>): Promise<ServiceProcess>;
  startWorker(env?: Record<string, string>): Promise<ServiceProcess>;
  /** Stops everything, in order; resolves with the exit codes of what still ran. Idempotent. */
  close(): Promise<void>;
};

/** Starts a stack: one gateway, one worker and the demo engine, unless told otherwise. */
export async function startStack(options: StackOptions = {}): Promise<Stack> {
  const redis = options.redis ?? (await startTestRedis());
  const home = await mkdtemp(join(tmpdir(), 'cc-executor-stack-'));
  const secretsKey = randomBytes(32).toString('hex');
  const common = { REDIS_URL: redis.url, HOME: home, SECRETS_KEY: secretsKey, ...options.env };
  const placeOf = (app: 'gateway' | 'worker') => {
    const root = options.roots?.[app];
    return { app, ...(root && { root }) };
  };
  const gateways: ServiceProcess[] = [];
  const workers: ServiceProcess[] = [];

  const upstream = options.upstream ?? { env: { CLAUDE_ENGINE: 'demo' } };
  let claudeApi: ServiceProcess | undefined;
  let claudeApiUrl: string | undefined;

  /** Workers are told where it is, so it comes before them; of the gateways, those that are started later. */
  async function startUpstream(): Promise<void> {
    if ('env' in upstream) claudeApi = await startClaudeApi(home, upstream.env);
    claudeApiUrl = 'url' in upstream ? upstream.url : `http://127.0.0.1:${claudeApi?.ready.port}`;
  }

  async function startGateway(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const gateway = await startService({
      ...placeOf('gateway'),
      env: {
        GATEWAY_PORT: '0',
        ...(claudeApiUrl !== undefined && { CLAUDE_API_URL: claudeApiUrl }),
        ...common,
        ...env,
      },
    });
    gateways.push(gateway);
    return gateway;
  }

  async function startWorker(env: Record<string, string> = {}): Promise<ServiceProcess> {
    const worker = await startService({
      ...placeOf('worker'),
      env: { WORKER_HEALTH_PORT: '0', CLAUDE_API_URL: claudeApiUrl ?? '', ...common, ...env },
    });
    workers.push(worker);
    return worker;
  }

  async function close(): Promise<void> {
    await Promise.all([...gateways, ...workers].map((service) => service.stop()));
    await claudeApi?.stop();
    if (!options.redis) await redis.close();
    await rm(home, { recursive: true, force: true });
  }

  try {
    await allStarted([startUpstream(), ...times(options.gateways ?? 1, startGateway)]);
    await allStarted(times(options.workers ?? 1, startWorker));
  } catch (error) {
    await close();
    throw error;
  }
  const address = (gateway: number) => `ws://127.0.0.1:${gateways[gateway]?.ready.port}`;
  return {
    redis,
    gateways,
    workers,
    claudeApi,
    url: (gateway = 0) => `${address(gateway)}/ws`,
    dialectUrl: (gateway = 0) => `${address(gateway)}/ws/mcp`,
    startGateway,
    startWorker,
    close,
  };
}

function times<T>(count: number, start: () => Promise<T>): Promise<T>[] {
  return Array.from({ length: count }, () => start());
}

/** Rejects when one cannot start, but not before the others are there to be stopped. */
async function allStarted(starting: Promise<unknown>[]): Promise<void> {
  await Promise.allSettled(starting);
  await Promise.all(starting);
}

function startClaudeApi(home: string, env: Record<string, string>): Promise<ServiceProcess> {
  return startService({
    app: 'claude-api',
    env: { CLAUDE_API_PORT: '0', HOME: home, CLAUDE_WORK_DIR: join(home, 'work'), ...env },
  });
}
