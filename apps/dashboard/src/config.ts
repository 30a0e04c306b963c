/** The dashboard's settings. */
import {
  authSettings,
  type Config,
  type ConfigRules,
  commonSettings,
  durationMs,
  findOpenDoor,
  flag,
  listenerSettings,
  loadConfig,
  metricsSettings,
  port,
  redisSettings,
  setting,
  severalKeys,
  text,
  urlText,
} from '@cc-executor/runtime';

export const appName = 'dashboard';

export const settings = {
  ...redisSettings,
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
  gatewayUrl: setting({
    env: 'DASHBOARD_GATEWAY_URL',
    schema: urlText(['http', 'https']),
    default: 'http://127.0.0.1:8003',
    description: 'Where the pages read jobs: the port of a gateway, or of the balancer before several.',
  }),
  showContent: setting({
    env: 'DASHBOARD_SHOW_CONTENT',
    schema: flag(),
    default: true,
    description:
      'Whether the pages show titles, inputs of tools and output. Without them it shows what happened, when, and what it cost.',
  }),
  token: setting({
    env: 'DASHBOARD_TOKEN',
    schema: text().optional(),
    secret: true,
    description:
      'Where gateways ask who comes in: the key with which the pages are shown to everybody who has not signed in. Without it they ask for one.',
  }),
  sessionMs: setting({
    env: 'DASHBOARD_SESSION_MS',
    schema: durationMs(),
    default: 12 * 60 * 60_000,
    description: 'How long somebody who has signed in stays so.',
  }),
  sessionKeys: setting({
    env: 'DASHBOARD_SESSION_KEY',
    schema: severalKeys(),
    secret: true,
    description:
      'With what the cookies of those who have signed in are sealed, the same for several dashboards: whoever is signed in stays so when one is started anew, and at each of them. Of several, the first seals and each opens. Without it sessions are kept by the process.',
  }),
  ...authSettings,
  ...listenerSettings,
  ...metricsSettings,
  ...commonSettings,
};

export type DashboardConfig = Config<typeof settings>;

export const rules: ConfigRules<typeof settings> = {
  prefixes: ['DASHBOARD_'],
  check: (config) =>
    findOpenDoor(
      { variable: 'DASHBOARD_HOST', may: 'see the jobs', asks: config.token === undefined },
      config,
    ),
};

/** Reads the configuration. Errors: `ConfigError`, with every fault. */
export function loadDashboardConfig(env: NodeJS.ProcessEnv = process.env): DashboardConfig {
  return loadConfig(appName, settings, env, rules);
}
