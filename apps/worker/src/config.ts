/** The worker's settings. */
import {
  type Config,
  type ConfigRules,
  claudeApiSettings,
  commonSettings,
  durationMs,
  jobSettings,
  listenerSettings,
  loadConfig,
  metricsSettings,
  port,
  positiveInt,
  redisSettings,
  secretsSettings,
  serviceSettings,
  setting,
  text,
  urlText,
} from '@cc-executor/runtime';
import { tracingSettings } from '@cc-executor/tracing';

export const appName = 'worker';

export const settings = {
  ...redisSettings,
  claudeApiUrl: setting({
    env: 'CLAUDE_API_URL',
    schema: urlText(['http', 'https']),
    default: 'http://127.0.0.1:8000',
    description: 'Where claude-api is. All addresses of the name are used.',
  }),
  ...claudeApiSettings,
  claudeApiPath: setting({
    env: 'CLAUDE_API_PATH',
    schema: text(),
    default: '/execute/claude-stream',
    description: 'The path of its streaming endpoint; /execute/stream for a service that gives plain text.',
  }),
  concurrency: setting({
    env: 'WORKER_CONCURRENCY',
    schema: positiveInt({ max: 1_000 }),
    default: 8,
    description: 'How many jobs this worker runs at once. More than claude-api takes is of no use.',
  }),
  maxWaiting: setting({
    env: 'WORKER_MAX_WAITING',
    schema: positiveInt({ min: 0, max: 10_000 }),
    default: 100,
    description:
      'How many jobs may wait without a slot, on top of those that run: paused ones, and ones that wait for another try. Beyond it a pause is refused, and what waits for another try keeps its slot.',
  }),
  maxOutputBytes: setting({
    env: 'JOB_MAX_OUTPUT_BYTES',
    schema: positiveInt({ min: 1024 * 1024 }),
    default: 256 * 1024 * 1024,
    description:
      'How many bytes the events of one job may take in Redis. A job that puts out more is stopped and fails with output_too_large.',
  }),
  maxBodyBytes: setting({
    env: 'JOB_MAX_BODY_BYTES',
    schema: positiveInt({ min: 0 }),
    default: 64 * 1024 * 1024,
    description:
      'How many bytes of messages too large for an event are kept whole of one job, on top. Longer ones are only shortened.',
  }),
  connectTimeoutMs: setting({
    env: 'WORKER_CONNECT_TIMEOUT_MS',
    schema: durationMs({ min: 100 }),
    default: 10_000,
    description: 'How long connecting to claude-api may take.',
  }),
  ...jobSettings,
  ...secretsSettings,
  ...serviceSettings,
  drainGraceMs: setting({
    env: 'WORKER_DRAIN_GRACE_MS',
    schema: durationMs(),
    default: 30_000,
    description: 'How long running jobs may go on after SIGTERM before they are ended as failed.',
  }),
  healthHost: setting({
    env: 'WORKER_HEALTH_HOST',
    schema: text(),
    default: '127.0.0.1',
    description: 'The address on which GET /health and GET /ready are answered.',
  }),
  healthPort: setting({
    env: 'WORKER_HEALTH_PORT',
    schema: port(),
    default: 8002,
    description: 'Their port; 0 lets the system choose one.',
  }),
  ...listenerSettings,
  ...metricsSettings,
  ...tracingSettings,
  ...commonSettings,
};

export type WorkerConfig = Config<typeof settings>;

export const rules: ConfigRules<typeof settings> = { prefixes: ['WORKER_'] };

/** Reads the configuration. Errors: `ConfigError`, with every fault. */
export function loadWorkerConfig(): WorkerConfig {
  return loadConfig(appName, settings, process.env, rules);
}
