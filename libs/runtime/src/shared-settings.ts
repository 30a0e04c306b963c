/** Settings that several apps share: declared once, so that they cannot drift apart. */
import { z } from 'zod';
import { isLoopback } from './loopback.ts';
import { type Config, setting } from './setting.ts';
import { durationMs, flag, listOf, oneOf, positiveInt, text } from './values.ts';

/** Where Redis is, and what every key begins with. Gateways, workers and dashboards that belong together share both. */
export const redisSettings = {
  redisUrl: setting({
    env: 'REDIS_URL',
    schema: z
      .string()
      .regex(/^rediss?(\+(sentinel|cluster))?:\/\/[^/]/, { error: 'is not such a URL' })
      .describe('a URL that begins with redis://, rediss://, redis+sentinel:// or redis+cluster://'),
    default: 'redis://127.0.0.1:6379',
    secret: true,
    description:
      'Redis: redis://, rediss://, redis+sentinel://host,host/master[?sentinelPassword=…] or redis+cluster://host,host.',
  }),
  keyPrefix: setting({
    env: 'REDIS_KEY_PREFIX',
    schema: text(),
    default: 'cce',
    description:
      'What every key begins with; gateways, workers and dashboards that belong together share it.',
  }),
};

/** Under which names a service answers. */
export const listenerSettings = {
  allowedHosts: setting({
    env: 'ALLOWED_HOSTS',
    schema: listOf(),
    default: [],
    example: 'jobs.example.com',
    description:
      'Host names under which services answer, besides addresses, localhost and names without a dot, such as claude-api: a web page whose name was pointed here reaches nothing. * allows every name.',
  }),
};

/** Whether a service tells what it counts. */
export const metricsSettings = {
  metrics: setting({
    env: 'METRICS',
    schema: flag(),
    default: true,
    description:
      'Whether GET /metrics is answered, on the same port as /health. It is for the inside: a proxy in front must not hand it on.',
  }),
};

/** How jobs live: gateways and workers need the same values. */
export const jobSettings = {
  leaseMs: setting({
    env: 'JOB_LEASE_MS',
    schema: durationMs({ min: 300, max: 5 * 60_000 }),
    default: 15_000,
    description:
      'How long a job counts as alive without a sign from its worker; the same for gateways and workers.',
  }),
  retentionMs: setting({
    env: 'JOB_RETENTION_MS',
    schema: durationMs({ min: 1_000, max: 7 * 24 * 60 * 60_000 }),
    default: 24 * 60 * 60_000,
    defaultText: '24h',
    description: 'How long an ended job can be read; the same for gateways and workers.',
  }),
};

/** What gateways and workers ask of Redis, and tell each other through it. */
export const serviceSettings = {
  strictDurability: setting({
    env: 'STRICT_DURABILITY',
    schema: flag(),
    default: false,
    description:
      'Whether to refuse to start (exit code 78) on a Redis that may lose or evict jobs, or whose INFO cannot be read, instead of warning.',
  }),
  redisFullPercent: setting({
    env: 'REDIS_FULL_PERCENT',
    schema: positiveInt({ min: 10, max: 100 }),
    default: 90,
    description:
      "How much of Redis's `maxmemory`, in percent, may be used before new jobs are refused: the rest is for those that were accepted. The same for gateways and workers.",
  }),
  reportMs: setting({
    env: 'SERVICE_REPORT_MS',
    schema: durationMs({ min: 100, max: 60_000 }),
    default: 10_000,
    description:
      'How often gateways and workers write down in Redis how they are, for `cc-executor doctor`; the same for both.',
  }),
};

/** Who may come in: whoever opens a door beyond this machine, and asks nobody, must say so. */
export const authSettings = {
  authMode: setting({
    env: 'AUTH_MODE',
    schema: oneOf(['none', 'keys', 'jwt']).optional(),
    description:
      'How gateways ask who comes in. `none`: everybody who reaches the port is let in; it must be said for an address that is not loopback. `keys`: whoever has a key of AUTH_KEYS_FILE; `jwt`: whoever has a token of AUTH_JWT_ISSUER (docs/identity.md). The dashboard asks for the same keys, or has one (DASHBOARD_TOKEN).',
  }),
  publishedAddress: setting({
    env: 'PUBLISHED_ADDRESS',
    schema: text().optional(),
    example: '127.0.0.1',
    description:
      'The address at which others find the port, where it is not the one that is listened on, as with a container. Compose tells it.',
  }),
  allowUnauthenticated: setting({
    env: 'ALLOW_UNAUTHENTICATED',
    schema: flag(),
    default: false,
    description:
      'Whether AUTH_MODE=none is meant also where PUBLISHED_ADDRESS is not loopback: everybody who reaches it is let in.',
  }),
};

/** Where the keys are: gateways read them, `cc-executor keys` changes them. */
export const keysSettings = {
  keysFile: setting({
    env: 'AUTH_KEYS_FILE',
    schema: text().optional(),
    example: '/etc/cc-executor/keys.json',
    description:
      'With AUTH_MODE=keys: the file of keys, which `cc-executor keys` makes and changes; with mode 0600. Read again when it changes.',
  }),
};

/**
 * Says what is wrong with a door that lets in more than this machine unasked.
 *
 * @param door.variable the one that sets `host`
 * @param door.may what everybody who comes in may do
 * @param door.asks whether it asks who that is, where AUTH_MODE says so
 */
export function findOpenDoor(
  door: { variable: string; may: string; asks: boolean },
  config: Partial<Config<typeof authSettings>> & { host?: string | undefined },
): string[] {
  const { host, authMode, publishedAddress, allowUnauthenticated } = config;
  const isAsked = authMode !== undefined && authMode !== 'none';
  if (isAsked && door.asks) return [];
  if (authMode === undefined || (isAsked && publishedAddress === undefined)) {
    if (host === undefined || isLoopback(host)) return [];
    return [
      `${door.variable} is ${host}, which others can reach, and ${isAsked ? 'it asks nobody who they are' : 'AUTH_MODE is not set'}; say AUTH_MODE=none if everybody who reaches it may ${door.may}`,
    ];
  }
  if (publishedAddress === undefined || isLoopback(publishedAddress) || allowUnauthenticated) return [];
  return [
    `PUBLISHED_ADDRESS is ${publishedAddress}, which others can reach, and nobody is asked who they are; publish it on loopback (with compose, BIND_ADDRESS=127.0.0.1), behind a proxy that asks, or say ALLOW_UNAUTHENTICATED=yes if everybody who reaches it may ${door.may}`,
  ];
}

/** What workers and gateways show claude-api: with it they may run Claude Code, and reach the files of workspaces. */
export const claudeApiSettings = {
  claudeApiToken: setting({
    env: 'CLAUDE_API_TOKEN',
    schema: z
      .string()
      .regex(/^[\x21-\x7e]{16,}$/, { error: 'is too short, or has blanks' })
      .optional()
      .describe('at least 16 characters without blanks'),
    secret: true,
    description:
      'The secret that workers and gateways show claude-api. The same for all; claude-api needs one for an address that is not loopback. `npm start` and compose draw one.',
  }),
};

/** With what services keep from Redis what is secret in a job. */
export const secretsSettings = {
  secretsKeys: setting({
    env: 'SECRETS_KEY',
    schema: severalKeys(),
    secret: true,
    description:
      'The key with which `env` and `attachments` of jobs are kept in Redis, and by which gateways sign tickets. The same for gateways and workers; without one a job with either is refused. Of several, the first seals and each opens: so it can be changed. `npm start` and compose draw one.',
  }),
};

/** What `npm start` and the tests may fetch. */
export const fetchSettings = {
  fetchRedis: setting({
    env: 'FETCH_REDIS',
    schema: flag(),
    default: true,
    description:
      'Whether a Redis server may be fetched (with apt-get, into .cache/redis-server of the checkout) where none is installed, or one used that was.',
  }),
};

/** A key that services share, or several of them while it is changed. */
export function severalKeys() {
  return z
    .string()
    .transform((value) => value.split(/\s+/).filter((key) => key !== ''))
    .refine((keys) => keys.length > 0 && keys.every((key) => /^[\x21-\x7e]{32,}$/.test(key)), {
      error: 'has a key that is too short, or not of ASCII',
    })
    .optional()
    .describe('at least 32 characters; several such keys with blanks or line ends between them');
}
