/** The settings that `cc-executor up` itself reads; everything else in the environment goes to its children. */
import { fileURLToPath } from 'node:url';
import {
  type Config,
  claudeApiSettings,
  commonSettings,
  durationMs,
  fetchSettings,
  oneOf,
  port,
  secretsSettings,
  setting,
  text,
} from '@cc-executor/runtime';

export const appName = 'up';

export const intro = `\`npm start\` (\`cc-executor up\`) reads these, and hands its whole environment on to the services; to claude-api only what it and Claude Code read, and \`CLAUDE_PASS_ENV\`.`;

const host = (env: string) =>
  setting({
    env,
    schema: text().optional(),
    defaultText: '127.0.0.1, or ::1 where there is no other loopback',
    description: 'The address that the service listens on.',
  });

const servicePort = (env: string, value: number) =>
  setting({
    env,
    schema: port(),
    default: value,
    description: 'The port of the service; 0 takes a free one.',
  });

export const settings = {
  ...commonSettings,
  // For people, also in a pipe or a file: services write JSON there.
  logFormat: setting({
    env: 'LOG_FORMAT',
    schema: oneOf(['pretty', 'json']),
    default: 'pretty',
    description: commonSettings.logFormat.description,
  }),
  redisUrl: setting({
    env: 'REDIS_URL',
    schema: text().optional(),
    secret: true,
    description:
      'The Redis to use. Unset: an installed redis-server or valkey-server, else one that is fetched, else an embedded one.',
  }),
  ...claudeApiSettings,
  ...secretsSettings,
  ...fetchSettings,
  claudeApiHost: host('CLAUDE_API_HOST'),
  claudeApiPort: servicePort('CLAUDE_API_PORT', 8000),
  gatewayHost: host('GATEWAY_HOST'),
  gatewayPort: servicePort('GATEWAY_PORT', 8003),
  dashboardHost: host('DASHBOARD_HOST'),
  dashboardPort: servicePort('DASHBOARD_PORT', 8004),
  workerHealthPort: setting({
    env: 'WORKER_HEALTH_PORT',
    schema: port(),
    default: 0,
    description: "The port of a single worker's health; several workers take free ones.",
  }),
  dataDir: setting({
    env: 'UP_DATA_DIR',
    schema: text(),
    default: fileURLToPath(new URL('../../../../.cache/redis', import.meta.url)),
    defaultText: '.cache/redis in the checkout',
    description: 'Where a Redis that is started here keeps its data; the embedded one keeps none.',
  }),
  readyTimeoutMs: setting({
    env: 'UP_READY_TIMEOUT_MS',
    schema: durationMs({ min: 1_000 }),
    default: 60_000,
    description: 'How long each service may take until it is ready.',
  }),
  stopGraceMs: setting({
    env: 'UP_STOP_GRACE_MS',
    schema: durationMs({ min: 100 }),
    default: 60_000,
    description:
      'How long each service may take to close before it is killed; each has a limit of its own, too.',
  }),
};

type Addresses = Readonly<Record<'loopback' | 'claudeApiHost' | 'gatewayHost' | 'dashboardHost', string>>;

/** With an address for everything that listens. */
export type UpConfig = Omit<Config<typeof settings>, keyof Addresses> & Addresses;

/** What is not told an address listens on `loopback`. */
export function addAddresses(config: Config<typeof settings>, loopback: string): UpConfig {
  const { claudeApiHost = loopback, gatewayHost = loopback, dashboardHost = loopback } = config;
  return { ...config, loopback, claudeApiHost, gatewayHost, dashboardHost };
}
