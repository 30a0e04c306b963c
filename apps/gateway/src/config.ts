/** The gateway's settings. */
import { grantSettings } from '@cc-executor/claude-options/grant-settings';
import { DEFAULT_HEARTBEAT_MS } from '@cc-executor/protocol';
import {
  authSettings,
  byteSize,
  type Config,
  type ConfigRules,
  claudeApiSettings,
  commonSettings,
  durationMs,
  findOpenDoor,
  flag,
  jobSettings,
  listenerSettings,
  listOf,
  loadConfig,
  metricsSettings,
  oneOf,
  port,
  redisSettings,
  secretsSettings,
  serviceSettings,
  setting,
  text,
  urlText,
} from '@cc-executor/runtime';
import { isAddressRule } from '@cc-executor/runtime/targets';
import { tracingSettings } from '@cc-executor/tracing';
import { webhookSettings } from '@cc-executor/webhooks/settings';
import { findIdentityFaults, identitySettings } from './identity/settings.ts';
import { ceilingSettings } from './operations/ceilings.ts';
import { quotaSettingsOfGateway } from './quotas/settings.ts';

export const appName = 'gateway';

export const settings = {
  ...redisSettings,
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
  ...authSettings,
  ...identitySettings,
  ...listenerSettings,
  allowedOrigins: setting({
    env: 'GATEWAY_ALLOWED_ORIGINS',
    schema: listOf(),
    default: [],
    example: 'https://tools.example.com',
    description:
      'Origins of web pages that may connect, besides those on loopback and of its own name; * allows every page.',
  }),
  trustedProxies: setting({
    env: 'GATEWAY_TRUSTED_PROXIES',
    schema: listOf()
      .refine((rules) => rules.every(isAddressRule), { error: 'has something else in it' })
      .describe('addresses and ranges of them (10.0.0.0/8), separated by commas'),
    default: [],
    example: '10.20.0.0/16',
    description:
      'Proxies whose X-Forwarded-For is believed: so failed logins are slowed down, and logged, by the address they come from.',
  }),
  showTitles: setting({
    env: 'GATEWAY_SHOW_TITLES',
    schema: flag(),
    default: true,
    description:
      'Whether jobs have a title, the first 120 characters of their prompt, which lists show and can be searched by. What it means: docs/security.md.',
  }),
  heartbeatMs: setting({
    env: 'GATEWAY_HEARTBEAT_MS',
    schema: durationMs({ min: 50, max: 60_000 }),
    default: DEFAULT_HEARTBEAT_MS,
    description: 'How often each connection gets a heartbeat and a ping, and its positions are checked.',
  }),
  memoryBudgetBytes: setting({
    env: 'GATEWAY_MEMORY_BUDGET',
    schema: byteSize({ min: 16 * 1024 * 1024 }),
    default: 96 * 1024 * 1024,
    description:
      'What all connections together may hold: incomplete frames, requests under way, what waits to be sent. Above it whoever holds most is closed, resumably.',
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
  ...ceilingSettings,
  ...quotaSettingsOfGateway,
  ...grantSettings,
  durability: setting({
    env: 'DURABILITY',
    schema: oneOf(['local', 'replicated']),
    default: 'local',
    description:
      '`replicated`: an `execute` is answered only when a replica of Redis has the job too, so that a failover does not lose it; it is refused as `unavailable` when none says so within a second.',
  }),
  ...jobSettings,
  ...secretsSettings,
  ...webhookSettings,
  claudeApiUrl: setting({
    env: 'CLAUDE_API_URL',
    schema: urlText(['http', 'https']).optional(),
    defaultText: 'unset: the files of workspaces are not given',
    description: 'Where claude-api is, for the files of workspaces. All addresses of the name are used.',
  }),
  ...claudeApiSettings,
  ...serviceSettings,
  sweepMs: setting({
    env: 'GATEWAY_SWEEP_MS',
    schema: durationMs({ min: 50, max: 60_000 }),
    default: 1_000,
    description: 'How often to look for jobs that no worker will end.',
  }),
  ...metricsSettings,
  ...tracingSettings,
  ...commonSettings,
};

export type GatewayConfig = Config<typeof settings>;

export const rules: ConfigRules<typeof settings> = {
  prefixes: ['GATEWAY_', 'LIMIT_', 'QUOTA_', 'WEBHOOK_'],
  check: (config) => [
    ...findOpenDoor({ variable: 'GATEWAY_HOST', may: 'run Claude Code', asks: true }, config),
    ...findIdentityFaults(config),
    ...(config.durability === 'replicated' && config.redisUrl?.includes('+cluster:')
      ? [
          'DURABILITY=replicated is not for a Redis Cluster: its masters would have to be asked one by one; use Sentinel, or DURABILITY=local',
        ]
      : []),
  ],
};

/** Reads the configuration. Errors: `ConfigError`, with every fault. */
export function loadGatewayConfig(env: NodeJS.ProcessEnv = process.env): GatewayConfig {
  return loadConfig(appName, settings, env, rules);
}
