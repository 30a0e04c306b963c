/** The gateway's settings. */
import { DEFAULT_HEARTBEAT_MS } from '@cc-executor/protocol';
import {
  type Config,
  ConfigError,
  commonSettings,
  durationMs,
  listOf,
  loadConfig,
  oneOf,
  port,
  setting,
  text,
} from '@cc-executor/runtime';

export const appName = 'gateway';

export const settings = {
  redisUrl: setting({
    env: 'REDIS_URL',
    schema: text(),
    default: 'redis://127.0.0.1:6379',
    secret: true,
    description:
      'Redis: redis://, rediss://, redis+sentinel://host,host/master or redis+cluster://host,host.',
  }),
  keyPrefix: setting({
    env: 'REDIS_KEY_PREFIX',
    schema: text(),
    default: 'cce',
    description: 'What every key begins with; gateways and workers that belong together share it.',
  }),
  host: setting({
    env: 'GATEWAY_HOST',
    schema: text(),
    default: '127.0.0.1',
    description: 'The address to listen on. Anything but loopback needs AUTH_MODE.',
  }),
  port: setting({
    env: 'GATEWAY_PORT',
    schema: port(),
    default: 8003,
    description: 'The port to listen on.',
  }),
  authMode: setting({
    env: 'AUTH_MODE',
    schema: oneOf(['none']).optional(),
    description:
      'Who may connect. `none`: everybody who reaches the port may run Claude Code; it must be said.',
  }),
  allowedOrigins: setting({
    env: 'GATEWAY_ALLOWED_ORIGINS',
    schema: listOf(),
    default: [],
    example: 'https://tools.example.com',
    description: 'Origins of web pages that may connect, besides those on loopback; * allows every page.',
  }),
  heartbeatMs: setting({
    env: 'GATEWAY_HEARTBEAT_MS',
    schema: durationMs({ min: 50, max: 60_000 }),
    default: DEFAULT_HEARTBEAT_MS,
    description: 'How often each connection gets a heartbeat and a ping, and its positions are checked.',
  }),
  abandonGraceMs: setting({
    env: 'GATEWAY_ABANDON_GRACE_MS',
    schema: durationMs(),
    default: 30_000,
    description: 'How long a job with onDisconnect "cancel", or of the dialect, may be without listeners.',
  }),
  drainGraceMs: setting({
    env: 'GATEWAY_DRAIN_GRACE_MS',
    schema: durationMs(),
    default: 2_000,
    description: 'How long clients have to leave after `goaway`, before they are closed.',
  }),
  leaseMs: setting({
    env: 'JOB_LEASE_MS',
    schema: durationMs({ min: 300, max: 5 * 60_000 }),
    default: 15_000,
    description: 'How long a job counts as alive without a sign from its worker; workers need the same.',
  }),
  sweepMs: setting({
    env: 'GATEWAY_SWEEP_MS',
    schema: durationMs({ min: 50, max: 60_000 }),
    default: 1_000,
    description: 'How often to look for jobs that no worker will end.',
  }),
  retentionMs: setting({
    env: 'JOB_RETENTION_MS',
    schema: durationMs({ min: 1_000, max: 7 * 24 * 60 * 60_000 }),
    default: 24 * 60 * 60_000,
    defaultText: '24h',
    description: 'How long an ended job can be read; workers need the same.',
  }),
  ...commonSettings,
};

export type GatewayConfig = Config<typeof settings>;

/** Reads the configuration. Errors: `ConfigError`, with every fault. */
export function loadGatewayConfig(): GatewayConfig {
  const config = loadConfig(appName, settings, process.env, { prefixes: ['GATEWAY_'] });
  if (!isLoopback(config.host) && config.authMode === undefined) {
    throw new ConfigError(appName, [
      `GATEWAY_HOST is ${config.host}, which others can reach, and AUTH_MODE is not set; say AUTH_MODE=none if everybody who reaches it may run Claude Code`,
    ]);
  }
  return config;
}

/** Whether only this machine can reach the address. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^127(\.\d{1,3}){3}$/.test(host);
}
