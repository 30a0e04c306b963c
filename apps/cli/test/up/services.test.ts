import { existsSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { RedisChoice } from '@cc-executor/local-redis';
import { loadConfig } from '@cc-executor/runtime';
import { expect, test } from 'vitest';
import { settings as claudeApiSettings } from '../../../claude-api/src/config.ts';
import { listServices, type Ports, urlOf } from '../../src/up/services.ts';
import { addAddresses, settings } from '../../src/up/settings.ts';
import { planRedis } from '../../src/up/stack-redis.ts';
import { summarise } from '../../src/up/summary.ts';

const SECRETS_KEY = 'a-key-that-is-drawn-by-npm-start';

const ports: Ports = { claudeApi: 1, gateway: 2, dashboard: 3, workers: [4, 5], redis: 6 };

function list(env: NodeJS.ProcessEnv, overrides: Partial<Ports> = {}) {
  const config = addAddresses(loadConfig('up', settings, env), '127.0.0.1');
  const choice: RedisChoice =
    config.redisUrl === undefined
      ? { kind: 'embedded', passedOver: [] }
      : { kind: 'external', url: config.redisUrl, passedOver: [] };
  const redis = planRedis(choice, { host: '127.0.0.1', port: ports.redis, folder: '/data', password: 'pw' });
  const used = { ...ports, ...overrides };
  const services = listServices({
    config,
    redis,
    ports: used,
    logLevel: 'debug',
    secretsKey: SECRETS_KEY,
    env,
  });
  const summary = summarise({ config, redis, ports: used, claudeApi: undefined });
  const environment = (name: string) => services.find(({ process }) => process.name === name)?.process.env;
  return { services, environment, summary };
}

test('Redis starts first and stops last; the gateway stops first, the workers before claude-api', () => {
  const { services } = list({});
  const order = (rank: 'startRank' | 'stopRank') =>
    [...Map.groupBy(services, (service) => service[rank])]
      .sort(([a], [b]) => a - b)
      .map(([, group]) => group.map(({ process }) => process.name));
  expect(order('startRank')).toEqual([
    ['redis'],
    ['claude-api', 'worker-1', 'worker-2', 'gateway', 'dashboard'],
  ]);
  expect(order('stopRank')).toEqual([
    ['gateway'],
    ['dashboard'],
    ['worker-1', 'worker-2'],
    ['claude-api'],
    ['redis'],
  ]);
});

test('claude-api gets what it reads and what Claude Code understands, and nothing else', () => {
  const own = Object.fromEntries(
    Object.values(claudeApiSettings).map(({ env }) => [env, 'x-x-x-x-x-x-x-x-x']),
  );
  const kept = {
    ...own,
    CLAUDE_PASS_ENV: 'ADDED, MORE',
    ADDED: '1',
    MORE: '2',
    AWS_PROFILE: 'p',
    NODE_OPTIONS: '',
  };
  const planted = {
    REDIS_PASSWORD: 'secret',
    GITHUB_TOKEN: 'secret',
    DATABASE_URL: 'secret',
    AUTH_MODE: 'none',
  };
  const { CLAUDE_API_PORT: _, LOG_FORMAT: __, LOG_LEVEL: ___, ...set } = kept as NodeJS.ProcessEnv;
  const { environment } = list({ ...set, ...planted, REDIS_URL: 'redis://:secret@somewhere:6379' });
  const names = Object.keys(environment('claude-api') ?? {});
  expect(Object.keys(kept).filter((name) => !names.includes(name))).toEqual([]);
  expect(names.filter((name) => !(name in kept) && name !== 'CLAUDE_API_URL')).toEqual([]);
  expect(environment('gateway')).toMatchObject(planted);
});

test('every child but claude-api gets the environment, and the addresses of the others', () => {
  const { environment } = list({ ANTHROPIC_API_KEY: '', MINE: 'kept', LOG_FORMAT: 'json' });
  expect(environment('worker-2')).toEqual({
    ANTHROPIC_API_KEY: '',
    MINE: 'kept',
    LOG_FORMAT: 'json',
    LOG_LEVEL: 'debug',
    REDIS_URL: 'redis://:pw@127.0.0.1:6',
    CLAUDE_API_URL: 'http://127.0.0.1:1',
    WORKER_HEALTH_HOST: '127.0.0.1',
    WORKER_HEALTH_PORT: '5',
    SECRETS_KEY,
  });
  expect(environment('gateway')).toMatchObject({ GATEWAY_PORT: '2', GATEWAY_HOST: '127.0.0.1' });
});

test('the token of claude-api goes to it, to workers and to the gateway, and to nobody else', () => {
  const { environment } = list({ CLAUDE_API_TOKEN: 'a-token-of-16-chars' });
  const holders = ['redis', 'claude-api', 'worker-1', 'gateway', 'dashboard'].filter(
    (name) => environment(name)?.CLAUDE_API_TOKEN === 'a-token-of-16-chars',
  );
  expect(holders).toEqual(['claude-api', 'worker-1', 'gateway']);
});

test('the key for secrets goes to gateway and workers, and to nobody else, whoever gave it', () => {
  const { environment } = list({ SECRETS_KEY, CLAUDE_PASS_ENV: 'SECRETS_KEY' });
  const names = ['redis', 'claude-api', 'worker-1', 'gateway', 'dashboard'];
  const holders = names.filter((name) => JSON.stringify(environment(name)).includes(SECRETS_KEY));
  expect(holders).toEqual(['worker-1', 'gateway']);
});

test('a given Redis is handed on, and none is started', () => {
  const { services, environment } = list({ REDIS_URL: 'redis://somewhere:6379' });
  expect(services.map(({ process }) => process.name)).not.toContain('redis');
  expect(environment('gateway')?.REDIS_URL).toBe('redis://somewhere:6379');
});

test('the dashboard can be left out, and a single worker has no number', () => {
  const { services, summary } = list({}, { dashboard: undefined, workers: [4] });
  const names = services.map(({ process }) => process.name);
  expect(names).not.toContain('dashboard');
  expect(names).toContain('worker');
  expect(summary.fields).not.toHaveProperty('dashboardUrl');
});

test('what is run exists', () => {
  for (const { process } of list({}).services) {
    const script = process.args.findIndex(
      (arg, i, args) => !arg.startsWith('-') && args[i - 1] !== '--import',
    );
    const preloads = process.args.slice(0, script).filter((arg) => !arg.startsWith('-'));
    expect(preloads).toHaveLength(2);
    for (const file of [...preloads.map((url) => fileURLToPath(url)), process.args[script] ?? '']) {
      expect(existsSync(file), file).toBe(true);
    }
  }
});

test('a service that listens on every address is reached on loopback', () => {
  expect(urlOf('0.0.0.0', 8003, 'ws')).toBe('ws://127.0.0.1:8003');
  expect(urlOf('::', 8003)).toBe('http://[::1]:8003');
  expect(urlOf('10.0.0.7', 8003)).toBe('http://10.0.0.7:8003');
});

test('the summary names both doors and a line to paste, with the address where it is not the default', () => {
  const { summary } = list({});
  const text = summary.lines.join('\n');
  expect(text).toContain('ws://127.0.0.1:2/ws/mcp');
  expect(text).toContain('npx cc-executor run --url ws://127.0.0.1:2/ws "hello"');
  expect(list({}, { gateway: 8003 }).summary.lines.join('\n')).toContain('npx cc-executor run "hello"');
});
