/** The dashboard's settings. */
import {
  type Config,
  ConfigError,
  commonSettings,
  loadConfig,
  oneOf,
  port,
  setting,
  text,
} from '@cc-executor/runtime';
import { isLoopback } from './loopback.ts';

export const appName = 'dashboard';

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
    description: 'What every key begins with; the same as for gateways and workers.',
  }),
  host: setting({
    env: 'DASHBOARD_HOST',
    schema: text(),
    default: '127.0.0.1',
    description: 'The address to listen on. Anything but loopback needs AUTH_MODE.',
  }),
  port: setting({
    env: 'DASHBOARD_PORT',
    schema: port(),
    default: 8004,
    description: 'The port to listen on; 0 takes a free one.',
  }),
  authMode: setting({
    env: 'AUTH_MODE',
    schema: oneOf(['none']).optional(),
    description: 'Who may look. `none`: everybody who reaches the port; it must be said.',
  }),
  ...commonSettings,
};

export type DashboardConfig = Config<typeof settings>;

/** Reads the configuration. Errors: `ConfigError`, with every fault. */
export function loadDashboardConfig(env: NodeJS.ProcessEnv = process.env): DashboardConfig {
  const config = loadConfig(appName, settings, env, { prefixes: ['DASHBOARD_'] });
  if (!isLoopback(config.host) && config.authMode === undefined) {
    throw new ConfigError(appName, [
      `DASHBOARD_HOST is ${config.host}, which others can reach, and AUTH_MODE is not set; say AUTH_MODE=none if everybody who reaches it may see the jobs`,
    ]);
  }
  return config;
}
